// Failures: what reaches the writer, what stays in the bucket, and little memory or disk.
#include <atomic>
#include <chrono>
#include <fstream>
#include <optional>
#include <thread>
#include <utility>

#include <gmock/gmock.h>

#include "data/journal/journal.h"
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

TEST_F(WriteFault, ARefusedUploadLeavesNoRecordAndALostAnswerDoes) {
  for (const ErrorKind kind : {ErrorKind::kAccessDenied, ErrorKind::kUnavailable}) {
    Fail("initiate", EACCES, kind);
    auto file = NewFile();
    (void)WriteAt(*file, 0, Random(2 * kMiB, 21));
    EXPECT_FALSE(file->Publish({}));
    file.reset();
    engine_.reset();
    EXPECT_EQ(RecordsOnDisk(), kind == ErrorKind::kAccessDenied ? 0u : 1u);
  }
}

TEST_F(WriteFault, AnUploadThatTheKeyMayNotAbortDoesNotStopTheNextStart) {
  for (const char* operation : {"abort", "list_uploads", "list_parts"}) {
    SCOPED_TRACE(operation);
    faults_->ClearRules();
    const bool unnamed = std::string_view(operation) != "abort";
    if (unnamed) Fail("initiate", EIO, ErrorKind::kUnavailable, 0, 1, true);  // its answer is lost
    Fail(operation, EACCES, ErrorKind::kAccessDenied, 0, -1);
    auto file = NewFile();
    (void)WriteAt(*file, 0, Random(2 * kMiB, 22));
    if (unnamed) {
      EXPECT_FALSE(file->Publish({}));
    }
    file.reset();
    engine_.reset();
    EXPECT_EQ(store_->OpenUploads(), 1u);
    EXPECT_TRUE(Engine().Recover());
    EXPECT_EQ(RecordsOnDisk(), 1u);
    engine_.reset();
    faults_->ClearRules();
    EXPECT_TRUE(Engine().Recover());
    engine_.reset();
    EXPECT_EQ(store_->OpenUploads(), 0u);
    EXPECT_EQ(RecordsOnDisk(), 0u);
  }
}

TEST_F(WriteFault, AnUnfinishedFileThatStaysUnderItsKeyStopsTheNextStart) {
  store_->PutContent("file", "old");
  {
    Journal ended(options_.journal_dir);
    JournalEntry entry;
    entry.kind = JournalKind::kProvisional;
    entry.key = "file";
    ASSERT_TRUE(ended.Begin(entry));
  }
  Fail("head", EACCES, ErrorKind::kAccessDenied);
  EXPECT_EQ(ErrnoOf(Engine().Recover()), EACCES);
  EXPECT_EQ(RecordsOnDisk(), 1u);
  engine_.reset();
  EXPECT_TRUE(Engine().Recover());
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

TEST_F(WriteFault, StagingSpaceIsBounded) {
  options_.staging_bytes_max = kMiB;
  auto file = NewFile();
  ASSERT_TRUE(file->Truncate(100 * kMiB));
  const std::string piece = Random(kPart, 9);
  Status status;
  uint64_t written = 0;
  for (uint64_t at = 50 * kMiB; status && at < 60 * kMiB; at += 2 * kPart) {
    status = WriteAt(*file, at, piece);
    written += status ? kPart : 0;
  }
  EXPECT_EQ(ErrnoOf(status), ENOSPC);
  EXPECT_EQ(written, kMiB);
  EXPECT_TRUE(file->sticky_error());  // room may come
  file.reset();
  auto next = NewFile("next");
  ASSERT_TRUE(next->Truncate(100 * kMiB));
  EXPECT_TRUE(WriteAt(*next, 50 * kMiB, piece));
}

// A local disk that is full or was made read-only must not keep files from the bucket.
TEST_F(WriteFault, AnUploadNeedsNoJournal) {
  std::ofstream(folder_.path() + "/file").flush();
  options_.journal_dir = folder_.path() + "/file/journal";  // ENOTDIR, also for root
  const std::string data = Random(5 * kPart, 12);
  auto file = NewFile();
  WriteInOrder(*file, data, 100 * kKiB);
  MustPublish(*file);
  ExpectContent("file", data);
}

TEST_F(WriteFault, AMissingStagingFolderIsNotTakenForAMissingFile) {
  std::ofstream(folder_.path() + "/file").flush();
  options_.staging_dir = folder_.path() + "/file/deep/staging";
  EXPECT_EQ(ErrnoOf(WriteAt(*NewFile(), 10 * kMiB, "x")), EIO);
}

TEST_F(WriteFault, TheDiskKeepsAReserve) {
  options_.staging_free_bytes_min = ~0ull >> 2;
  auto file = NewFile();
  EXPECT_EQ(ErrnoOf(WriteAt(*file, 10 * kMiB, "x")), ENOSPC);
}

TEST_F(WriteFault, TheDiskKeepsAShare) {
  options_.staging_free_percent_min = 100;
  EXPECT_EQ(ErrnoOf(WriteAt(*NewFile(), 10 * kMiB, "x")), ENOSPC);
  engine_.reset();
  options_.staging_free_percent_min = 0;
  EXPECT_TRUE(WriteAt(*NewFile(), 10 * kMiB, "x"));
}

TEST_F(WriteFault, SizesHaveLimits) {
  options_.staged_file_bytes_max = kMiB;
  auto file = NewFile();
  EXPECT_EQ(ErrnoOf(WriteAt(*file, 2 * kMiB, "x")), EFBIG);
  EXPECT_EQ(ErrnoOf(file->Truncate(kObjectBytesMax + 1)), EFBIG);
  EXPECT_TRUE(NewFile("large")->Truncate(kObjectBytesMax));
}

TEST_F(WriteFault, WithoutAStagingFolderTheErrorSaysSo) {
  options_.staging_dir.clear();
  auto file = NewFile();
  EXPECT_EQ(ErrnoOf(WriteAt(*file, 10 * kMiB, "x")), EOPNOTSUPP);
}

// More writers than the pool has parts: each gets its turn, and the budget holds.
TEST_F(WriteFault, ThirtyTwoWritersShareLittleMemory) {
  SetPool(16 * kMiB);
  options_.part_bytes = 2 * kMiB;
  constexpr int kWriters = 32;
  std::vector<std::shared_ptr<WriteFile>> files;
  std::vector<std::string> contents;
  for (int i = 0; i < kWriters; ++i) {
    files.push_back(NewFile("file" + std::to_string(i)));
    contents.push_back(Random(3 * kMiB + static_cast<size_t>(i) * 1000, static_cast<uint64_t>(i)));
  }
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back([&, i] {
      const auto index = static_cast<size_t>(i);
      const std::string_view content = contents[index];
      const size_t step = 4096 + index * 3000;
      for (size_t at = 0; at < content.size(); at += step)
        if (!WriteAt(*files[index], at, content.substr(at, step))) ++failures;
      if (!files[index]->Publish({})) ++failures;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  for (int i = 0; i < kWriters; ++i) ExpectContent("file" + std::to_string(i), contents[static_cast<size_t>(i)]);
  EXPECT_LE(pool_->PeakBytes(), pool_->limit_bytes());
  files.clear();
  engine_.reset();
  EXPECT_EQ(pool_->UsedBytes(), 0u);
}

// Idle files with a few bytes each must not keep a writer from its memory.
TEST_F(WriteFault, IdleFilesGiveUpTheirBuffers) {
  SetPool(16 * kMiB);
  std::vector<std::shared_ptr<WriteFile>> idle;
  for (int i = 0; i < 100; ++i) {
    idle.push_back(NewFile("idle" + std::to_string(i)));
    MustWrite(*idle.back(), 0, "a few bytes");
  }
  auto file = NewFile("busy");
  const std::string data = Random(20 * kMiB, 10);
  WriteInOrder(*file, data, kMiB);
  MustPublish(*file);
  ExpectContent("busy", data);
  for (const auto& other : idle) {
    MustWrite(*other, 11, " more");
    MustPublish(*other);
  }
  ExpectContent("idle99", "a few bytes more");
}

TEST_F(WriteFault, TryWriteNeverWaitsForMemoryOnTheWire) {
  SetPool(16 * kMiB);
  store_->HoldData(true);
  auto file = NewFile();
  const std::string piece = Random(kMiB, 11);
  uint64_t at = 0;
  for (; at < 64 * kMiB; at += piece.size()) {
    const Result<bool> taken = file->TryWrite(at, Bytes(piece), WritePlace::kOffset);
    ASSERT_TRUE(taken);
    if (!*taken) break;
  }
  EXPECT_LT(at, 16 * kMiB);
  EXPECT_GE(at, 3 * kMiB);
  store_->HoldData(false);
  store_->ReleaseHeld(1000);
  ASSERT_TRUE(file->Write(at, Bytes(piece), WritePlace::kOffset));
  MustPublish(*file);
  EXPECT_EQ(store_->Content("file")->size(), at + piece.size());
}

TEST_F(WriteFault, AppendableIsEmptiedBeforeItWasPublished) {
  options_.appendable = true;
  for (const bool existed : {false, true}) {
    const std::string key = existed ? "log" : "new";
    if (existed) {
      auto log = NewFile(key);
      MustWrite(*log, 0, "first");
      MustPublish(*log);
    }
    auto file = existed ? OpenFile(key) : NewFile(key);
    WriteInOrder(*file, Random(2 * kMiB, 5), 64 * kKiB, file->size());  // most of it is appended already
    ASSERT_TRUE(file->Truncate(0));
    MustWrite(*file, 0, "another");
    MustWrite(*file, 7, " text");
    MustPublish(*file);
    ExpectContent(key, "another text");
  }
}

TEST_F(WriteFault, AppendableGrowsInPlaceAndConverts) {
  options_.appendable = true;
  options_.appendable_autoswitch_bytes = kMiB;
  auto file = NewFile("log");
  ASSERT_TRUE(WriteAt(*file, 0, "one ", WritePlace::kEnd));
  MustPublish(*file);
  ASSERT_TRUE(WriteAt(*file, 0, "two", WritePlace::kEnd));
  MustPublish(*file);
  ExpectContent("log", "one two");
  EXPECT_EQ(store_->Head("log")->type, ObjectType::kAppendable);
  EXPECT_EQ(Count("append"), 2u);

  const std::string old = Random(700'000, 12);
  store_->PutContent("normal", old);
  auto converted = OpenFile("normal");
  ASSERT_TRUE(WriteAt(*converted, 0, "tail", WritePlace::kEnd));
  MustPublish(*converted);
  ExpectContent("normal", old + "tail");
  EXPECT_EQ(store_->Head("normal")->type, ObjectType::kAppendable);
  MustWrite(*converted, 5, "PATCH");  // leaves the appendable way
  MustPublish(*converted);
  EXPECT_EQ(store_->Content("normal")->substr(5, 5), "PATCH");
  EXPECT_EQ(store_->Keys().size(), 2u);
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
