// A file that loses its name while it is open: everything stays readable and writable, nothing is published.
#include <algorithm>
#include <cerrno>

#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

class Detach : public WriteFixture {
 protected:
  // As an unlink does it: the object is deleted by `take`.
  Status Lose(WriteFile& file, const std::string& key, Status answer = {}) {
    NameLoss loss;
    loss.parking_folder = "mount/";
    loss.park = [this](const ObjectVersion& from, const std::string& to) -> Result<ObjectVersion> {
      ++parked_;
      return CopyTo(*faults_, from, to);
    };
    loss.take = [this, key, answer](const ObjectVersion& parked, bool) {
      where_ = parked;
      return answer ? store_->Delete(key) : answer;
    };
    return file.Detach(loss);
  }
  void MustLose(WriteFile& file, const std::string& key = "file") {
    const Status lost = Lose(file, key);
    ASSERT_TRUE(lost) << lost.error().ToString();
    EXPECT_TRUE(file.detached());
  }
  static void ExpectBytes(WriteFile& file, const std::string& wanted) {
    ASSERT_EQ(file.size(), wanted.size());
    EXPECT_TRUE(ReadAll(file) == wanted);
  }
  static int ReadError(WriteFile& file) {
    std::byte byte{};
    const Result<size_t> read = file.Read(0, {&byte, 1});
    return read ? 0 : read.error().errno_value;
  }
  // Nothing may be left but what is named.
  void ExpectLeft(std::shared_ptr<WriteFile>& file, const std::vector<std::string>& keys = {}) {
    const Result<Published> published = file->Publish({});
    EXPECT_TRUE(published && !published->changed);
    file.reset();
    engine_.reset();  // waits for what runs in the background
    EXPECT_EQ(store_->Keys(), keys);
    EXPECT_TRUE(store_->ListUploads("")->empty());
    EXPECT_TRUE(JournalIsEmpty());
  }
  bool JournalIsEmpty() {
    if (!std::filesystem::exists(options_.journal_dir)) return true;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(options_.journal_dir))
      if (entry.is_regular_file() && entry.path().filename() != "lock") return false;
    return true;
  }

  int parked_ = 0;
  ObjectVersion where_;
};

TEST_F(Detach, BytesThatAreOnlyOnTheDiskMakeNoRoomForOthers) {
  options_.staging_bytes_max = kMiB;
  const std::string content = Random(600 * kKiB, 9);
  store_->PutContent("file", content);
  auto file = OpenFile();
  MustLose(*file);
  EXPECT_EQ(parked_, 0) << "small enough to be fetched";
  EXPECT_EQ(ErrnoOf(WriteAt(*file, content.size(), Random(600 * kKiB, 10))), ENOSPC);
  ExpectBytes(*file, content);
  ExpectLeft(file);
}

TEST_F(Detach, NewFileIsWrittenToStagingAlone) {
  auto file = NewFile();
  MustLose(*file);
  const std::string data = Random(20 * kPart, 1);
  WriteInOrder(*file, data, 100'000);
  ExpectBytes(*file, data);
  EXPECT_EQ(Count("initiate") + Count("put"), 0u);
  ExpectLeft(file);
}

TEST_F(Detach, WrittenInMemoryThenWrittenOn) {
  auto file = NewFile();
  std::string data = Random(kPart / 2, 2);
  WriteInOrder(*file, data, 10'000);
  MustLose(*file);
  ExpectBytes(*file, data);
  const std::string more = Random(3 * kPart, 3);
  MustWrite(*file, data.size(), more);
  data += more;
  ExpectBytes(*file, data);
  ASSERT_TRUE(file->Truncate(1000));
  ExpectBytes(*file, data.substr(0, 1000));
  EXPECT_EQ(parked_, 0);
  ExpectLeft(file);
}

TEST_F(Detach, SentPartsStayReadable) {
  auto file = NewFile();
  std::string data = Random(10 * kPart + 77, 4);
  WriteInOrder(*file, data, 100'000);
  MustLose(*file);
  EXPECT_EQ(where_.key.rfind("mount/.ossfs2-unlinked-", 0), 0u) << where_.key;
  EXPECT_FALSE(store_->Content("file"));
  ExpectBytes(*file, data);
  MustWrite(*file, 5 * kPart, "patched");
  data.replace(5 * kPart, 7, "patched");
  MustWrite(*file, data.size(), "end");
  data += "end";
  ExpectBytes(*file, data);
  ExpectLeft(file);
}

TEST_F(Detach, CleanObjectIsParkedAndGoesWithTheFile) {
  const std::string old = Random(3 * kMiB, 5);
  store_->PutContent("file", old);
  auto file = OpenFile();
  MustLose(*file);
  EXPECT_EQ(parked_, 1);
  EXPECT_FALSE(file->dirty());  // readers may go to the parked version
  EXPECT_EQ(*store_->Content(where_.key), old);
  ExpectBytes(*file, old);
  MustWrite(*file, kMiB, "patched");
  EXPECT_TRUE(file->dirty());
  std::string wanted = old;
  wanted.replace(kMiB, 7, "patched");
  ExpectBytes(*file, wanted);
  ASSERT_TRUE(file->Truncate(0));
  ExpectBytes(*file, "");
  MustWrite(*file, 3, "x");
  ExpectBytes(*file, std::string("\0\0\0x", 4));
  ExpectLeft(file);
}

TEST_F(Detach, SmallObjectIsFetchedNotCopied) {
  store_->PutContent("file", "small");
  auto file = OpenFile();
  MustLose(*file);
  EXPECT_EQ(parked_, 0);
  ExpectBytes(*file, "small");
  MustWrite(*file, 5, "er");
  ExpectBytes(*file, "smaller");
  ExpectLeft(file);
}

TEST_F(Detach, AppendedStreamAndStagedFileKeepTheirBase) {
  const std::string old = Random(2 * kMiB, 6);
  store_->PutContent("a", old);
  store_->PutContent("b", old);
  auto appended = OpenFile("a");
  MustWrite(*appended, old.size(), "tail");
  MustLose(*appended, "a");
  ExpectBytes(*appended, old + "tail");
  auto patched = OpenFile("b");
  MustWrite(*patched, 5, "patch");
  MustLose(*patched, "b");
  std::string wanted = old;
  wanted.replace(5, 5, "patch");
  ExpectBytes(*patched, wanted);
  appended.reset();
  ExpectLeft(patched);
}

TEST_F(Detach, AppendableFile) {
  options_.appendable = true;
  auto file = NewFile();
  std::string data = Random(3 * kPart, 7);
  WriteInOrder(*file, data, 50'000);
  MustLose(*file);
  ExpectBytes(*file, data);
  MustWrite(*file, data.size(), "more");
  ExpectBytes(*file, data + "more");
  ExpectLeft(file);
}

TEST_F(Detach, ANameThatCouldNotBeTakenStays) {
  const std::string old = Random(2 * kMiB, 8);
  store_->PutContent("file", old);
  auto file = OpenFile();
  MustWrite(*file, old.size(), "tail");
  const Status lost = Lose(*file, "file", MakeError(EIO, ErrorKind::kOther, "no"));
  ASSERT_FALSE(lost);
  EXPECT_FALSE(file->detached());
  ExpectBytes(*file, old + "tail");
  MustPublish(*file);
  ExpectContent("file", old + "tail");
  file.reset();
  engine_.reset();
  EXPECT_EQ(store_->Keys(), (std::vector<std::string>{"file"}));
}

TEST_F(Detach, FailedParkingKeepsTheNameUnlessTheObjectIsGone) {
  store_->PutContent("file", Random(2 * kMiB, 9));
  auto file = OpenFile();
  Fail("copy", EIO, ErrorKind::kOther);
  EXPECT_EQ(Lose(*file, "file").error().errno_value, EIO);
  EXPECT_FALSE(file->detached());
  Fail("copy", EACCES, ErrorKind::kAccessDenied);
  MustLose(*file);
  char byte = 0;
  const Result<size_t> got = file->Read(0, {reinterpret_cast<std::byte*>(&byte), 1});
  EXPECT_EQ(got.error().errno_value, ESTALE);
  MustWrite(*file, 0, "x");  // what is written here can be read
  EXPECT_TRUE(file->Read(0, {reinterpret_cast<std::byte*>(&byte), 1}));
  EXPECT_EQ(byte, 'x');
  ExpectLeft(file);
}

TEST_F(Detach, AJournalThatRefusesTheRecordIsNoReasonToKeepTheName) {
  options_.journal_dir = folder_.path() + "/file/journal";  // ENOTDIR, also for root
  fclose(fopen((folder_.path() + "/file").c_str(), "w"));
  const std::string content = Random(2 * kMiB, 9);
  store_->PutContent("file", content);
  auto file = OpenFile();
  MustLose(*file);
  ExpectBytes(*file, content);
  ExpectLeft(file);
}

TEST_F(Detach, WithoutStagingSpaceTheContentIsGivenUp) {
  options_.staging_bytes_max = 1;
  auto file = NewFile();
  MustWrite(*file, 0, "data");
  MustLose(*file);
  EXPECT_EQ(file->sticky_error().error().errno_value, ENOSPC);
  EXPECT_EQ(WriteAt(*file, 4, "more").error().errno_value, ENOSPC);
  EXPECT_EQ(ReadError(*file), ENOSPC) << "zeros would pass for what was written";
  file.reset();
  engine_.reset();
  EXPECT_TRUE(store_->Keys().empty());
}

TEST_F(Detach, WithoutStagingSpaceAStoredFileThatIsStillInMemoryIsParked) {
  options_.staging_bytes_max = 1;
  auto file = NewFile();
  MustWrite(*file, 0, "data");
  MustPublish(*file);
  MustLose(*file);
  EXPECT_EQ(parked_, 1);
  ExpectBytes(*file, "data");
  ExpectLeft(file);
}

TEST_F(Detach, WhatFailedForGoodDoesNotReadAsZeros) {
  Fail("part", EACCES, ErrorKind::kAccessDenied, 0, 100);
  auto file = NewFile();
  WriteInOrder(*file, Random(4 * kPart, 3), kPart);
  EXPECT_EQ(file->Publish({}).error().errno_value, EACCES);
  ASSERT_FALSE(file->sticky_error());
  MustLose(*file);
  EXPECT_EQ(ReadError(*file), EACCES);
}

TEST_F(Detach, CrashWhileParkedLeavesNothing) {
  store_->PutContent("file", Random(2 * kMiB, 10));
  auto file = OpenFile();
  MustLose(*file);
  EXPECT_EQ(store_->Keys(), (std::vector<std::string>{where_.key}));
  // The records as a crash would leave them, for another engine.
  options_.journal_dir = folder_.path() + "/after";
  std::filesystem::copy(folder_.path() + "/journal", options_.journal_dir, std::filesystem::copy_options::recursive);
  auto next = MakeWriteEngine(*store_, *pool_, options_);
  const Status recovered = next->Recover();
  ASSERT_TRUE(recovered) << recovered.error().ToString();
  EXPECT_TRUE(store_->Keys().empty());
}

TEST_F(Detach, TheNextFileOfTheSameIdIsAnotherOne) {
  auto file = NewFile();
  MustWrite(*file, 0, "old");
  MustLose(*file);
  WriteTarget target;
  target.file_id = next_id_;
  target.base.key = "file";
  auto next = Engine().Open(target);
  ASSERT_NE(next, file);
  MustWrite(*next, 0, "new");
  MustPublish(*next);
  ExpectContent("file", "new");
}

}  // namespace
}  // namespace ossfs2
