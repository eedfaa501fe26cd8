// What failures leave in the journal, and what the next start makes of it.
#include <cerrno>
#include <fstream>
#include <string_view>

#include "data/journal/journal.h"
#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

class WriteRecords : public WriteFixture {};

TEST_F(WriteRecords, ARefusedUploadLeavesNoRecordAndALostAnswerDoes) {
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

TEST_F(WriteRecords, AnUploadThatTheKeyMayNotAbortDoesNotStopTheNextStart) {
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

TEST_F(WriteRecords, AnUnfinishedFileThatStaysUnderItsKeyStopsTheNextStart) {
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

// A local disk that is full or was made read-only must not keep files from the bucket.
TEST_F(WriteRecords, AnUploadNeedsNoJournal) {
  std::ofstream(folder_.path() + "/file").flush();
  options_.journal_dir = folder_.path() + "/file/journal";  // ENOTDIR, also for root
  const std::string data = Random(5 * kPart, 12);
  auto file = NewFile();
  WriteInOrder(*file, data, 100 * kKiB);
  MustPublish(*file);
  ExpectContent("file", data);
}

}  // namespace
}  // namespace ossfs2
