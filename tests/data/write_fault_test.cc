// Failures: what reaches the writer, and what stays in the bucket.
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include <gmock/gmock.h>

#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

class WriteFault : public WriteFixture {};

TEST_F(WriteFault, FailedPutKeepsTheDataAndCanBeRepeated) {
  store_->PutContent("file", "old");
  auto file = OpenFile();
  ASSERT_TRUE(WriteAt(*file, 3, " and new"));
  Fail("put", ENOSPC, ErrorKind::kNoSpace);
  const Result<Published> failed = file->Publish({});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().errno_value, ENOSPC);
  ExpectContent("file", "old");
  EXPECT_TRUE(file->dirty());
  MustPublish(*file);
  ExpectContent("file", "old and new");
}

TEST_F(WriteFault, FailedPartSticksUntilDiscard) {
  store_->PutContent("file", "old");
  auto file = OpenFile();
  ASSERT_TRUE(file->Truncate(0));
  Fail("part", EDQUOT, ErrorKind::kNoSpace);
  const std::string data = Random(2 * kMiB, 1);
  Status status;
  for (size_t at = 0; status && at < data.size(); at += kPart)
    status = WriteAt(*file, at, std::string_view(data).substr(at, kPart));
  const Result<Published> published = file->Publish({});
  ASSERT_FALSE(published);
  EXPECT_EQ(published.error().errno_value, EDQUOT);
  EXPECT_EQ(file->Publish({}).error().errno_value, EDQUOT);
  EXPECT_EQ(ErrnoOf(WriteAt(*file, 0, "x")), EDQUOT);
  EXPECT_EQ(ErrnoOf(file->sticky_error()), EDQUOT);
  ExpectContent("file", "old");
  file->Discard();
  EXPECT_TRUE(file->sticky_error());
  ASSERT_TRUE(file->Truncate(0));
  ASSERT_TRUE(WriteAt(*file, 0, "again"));
  MustPublish(*file);
  ExpectContent("file", "again");
}

TEST_F(WriteFault, DiscardPutsTheOldVersionBackBeforeItReturns) {
  store_->PutContent("file", "old");
  auto file = OpenFile();
  ASSERT_TRUE(file->Truncate(0));
  WriteInOrder(*file, Random(5 * kPart, 2), 100'000);
  EXPECT_FALSE(file->provisional());
  MustWrite(*file, 2 * kPart, "patch");  // of a part that was sent
  EXPECT_TRUE(file->provisional());
  EXPECT_TRUE(store_->Content("file") != "old");
  file->Discard();
  EXPECT_FALSE(file->provisional());
  EXPECT_FALSE(file->dirty());
  EXPECT_TRUE(store_->Content("file") == "old");
  EXPECT_EQ(store_->Keys().size(), 1u) << "no backup";
  WriteTarget target;
  target.file_id = next_id_;
  target.base.key = "file";
  EXPECT_NE(Engine().Open(target), file);
}

TEST_F(WriteFault, ARefusedUploadReachesTheWriterAndNotOthers) {
  auto bad = NewFile("bad");
  auto good = NewFile("good");
  oss::FaultRule rule;
  rule.operation = "initiate";
  rule.key_part = "bad";
  rule.count = -1;
  rule.error = MakeError(EACCES, ErrorKind::kAccessDenied, "no rights");
  faults_->AddRule(rule);
  const std::string data = Random(2 * kMiB, 2);
  for (size_t at = 0; at < data.size(); at += kPart) {
    (void)WriteAt(*bad, at, std::string_view(data).substr(at, kPart));
    MustWrite(*good, at, std::string_view(data).substr(at, kPart));
  }
  EXPECT_EQ(bad->Publish({}).error().errno_value, EACCES);
  MustPublish(*good);
  ExpectContent("good", data);
  EXPECT_FALSE(store_->Content("bad"));
}

TEST_F(WriteFault, FailedCompleteCanBeRepeated) {
  store_->PutContent("file", "old");
  auto file = OpenFile();
  ASSERT_TRUE(file->Truncate(0));
  const std::string data = Random(kMiB + 30'000, 3);
  WriteInOrder(*file, data, kPart);
  Fail("complete", EIO, ErrorKind::kUnavailable);
  EXPECT_FALSE(file->Publish({}));
  ExpectContent("file", "old");
  const std::string more = Random(500'000, 4);  // the short last part goes on
  WriteInOrder(*file, more, 100'000, data.size());
  MustPublish(*file);
  ExpectContent("file", data + more);
}

// Every request of a staged publication fails once: the next Publish stores everything.
TEST_F(WriteFault, EveryStepOfAStagedPublicationMayFailOnce) {
  const std::string old = Random(2 * kMiB, 5);
  for (const char* operation : {"initiate", "copy_part", "part", "complete", "get"}) {
    for (int skip = 0; skip < 3; ++skip) {
      SCOPED_TRACE(testing::Message() << operation << " " << skip);
      store_->PutContent("file", old);
      faults_->ClearRules();
      auto file = OpenFile();
      std::string model = old;
      for (const uint64_t at : {300'000u, 1'200'000u, 1'900'000u}) {
        MustWrite(*file, at, "PATCH");
        model.replace(at, 5, "PATCH");
      }
      Fail(operation, EIO, ErrorKind::kUnavailable, skip);
      const uint64_t before = faults_->FaultsInjected();
      const Result<Published> first = file->Publish({});
      const bool injected = faults_->FaultsInjected() > before;
      EXPECT_TRUE(injected || skip > 0) << "such a publication has no " << operation << " any more";
      if (injected) {
        EXPECT_FALSE(first);
        ExpectContent("file", old);
      }
      MustPublish(*file);
      ExpectContent("file", model);
      file.reset();
    }
  }
  engine_.reset();
  EXPECT_EQ(store_->OpenUploads(), 0u);
}

TEST_F(WriteFault, EarlyPartsThatFailAreSentAgain) {
  auto file = NewFile();
  const std::string data = Random(3 * kMiB, 6);
  ASSERT_TRUE(file->Truncate(data.size()));
  Fail("part", EIO, ErrorKind::kUnavailable, 1);
  for (size_t at = data.size(); at > 0; at -= kPart)
    MustWrite(*file, at - kPart, std::string_view(data).substr(at - kPart, kPart));
  MustPublish(*file);
  ExpectContent("file", data);
}

// A program that writes out of order learns it while it writes, as one that streams does; some never look at close.
TEST_F(WriteFault, AStagedFileThatTheServiceRefusesTakesNoMore) {
  for (const auto& [errno_value, kind] : {std::pair{EACCES, ErrorKind::kAccessDenied}, {EDQUOT, ErrorKind::kNoSpace}}) {
    auto file = NewFile();
    const std::string data = Random(8 * kPart, 13);
    ASSERT_TRUE(file->Truncate(data.size()));
    Fail("initiate", errno_value, kind, 0, -1);
    const auto write = [&](uint64_t part) {
      return WriteAt(*file, part * kPart, std::string_view(data).substr(part * kPart, kPart));
    };
    ASSERT_TRUE(write(7));
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    Status status;
    while ((status = write(7)) && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    EXPECT_EQ(ErrnoOf(status), errno_value);
    EXPECT_THAT(Engine().Explain(next_id_), testing::IsSupersetOf({"state: staged", "refused: injected"}));
    EXPECT_EQ(file->Publish({}).error().errno_value, errno_value);
    EXPECT_EQ(ErrnoOf(write(6)), errno_value);
    faults_->ClearRules();  // the right was given: the next fsync or close stores what was taken
    MustPublish(*file);
    for (uint64_t part = 0; part < 7; ++part) ASSERT_TRUE(write(part));
    MustPublish(*file);
    ExpectContent("file", data);
    file->Discard();
  }
}

TEST_F(WriteFault, ReplacedBaseIsStale) {
  store_->PutContent("file", Random(2 * kMiB, 7));
  auto file = OpenFile();
  MustWrite(*file, kMiB, "PATCH");
  const std::string theirs = Random(2 * kMiB, 8);
  store_->PutContent("file", theirs);
  const Result<Published> published = file->Publish({});
  ASSERT_FALSE(published);
  EXPECT_EQ(published.error().errno_value, ESTALE);
  ExpectContent("file", theirs);
}

// As at the flush deadline, with a service that does not answer.
TEST_F(WriteFault, ShutdownAfterEndCallsDoesNotWaitForPublications) {
  auto small = NewFile("small");
  auto large = NewFile("large");
  MustWrite(*small, 0, "data");
  WriteInOrder(*large, Random(2 * kMiB, 14), kPart);
  while (store_->BytesReceived() < 2 * kMiB - kPart) std::this_thread::yield();  // all but the head
  store_->HoldData(true);
  std::optional<Result<Published>> first, second;
  std::thread publish_small([&] { first = small->Publish({}); });
  std::thread publish_large([&] { second = large->Publish({}); });
  while (store_->HeldCalls() < 2) std::this_thread::yield();
  store_->EndCalls(std::chrono::milliseconds(0), std::chrono::hours(1));
  Engine().Shutdown();
  publish_small.join();
  publish_large.join();
  EXPECT_FALSE(*first);
  EXPECT_FALSE(*second);
  EXPECT_TRUE(store_->Keys().empty());
  EXPECT_EQ(store_->OpenUploads(), 0u);
}

TEST_F(WriteFault, ShutdownFailsLaterCallsAndAbortsUploads) {
  auto file = NewFile();
  WriteInOrder(*file, Random(2 * kMiB, 13), kPart);
  Engine().Shutdown();
  EXPECT_EQ(ErrnoOf(WriteAt(*file, 0, "x")), EIO);
  EXPECT_FALSE(file->Publish({}));
  EXPECT_EQ(store_->OpenUploads(), 0u);
}

}  // namespace
}  // namespace ossfs2
