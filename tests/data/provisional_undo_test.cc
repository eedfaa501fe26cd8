// What the next start undoes: beside a Complete that the ended run had sent and the service does only now, or after an
// end that the journal could not be told.
#include "data/recovery/provisional.h"

#include "base/values/crc64.h"
#include "tests/data/write_fixture.h"
#include "tests/support/file_size_limit.h"

namespace ossfs2 {
namespace {

class ProvisionalUndo : public WriteFixture {
 protected:
  // The record of a run that was killed when it had sent the Complete of an upload of `content`.
  JournalEntry Completing(const std::string& key, const std::string& content) {
    store_->PutContent("source", content);
    JournalEntry entry;
    entry.kind = JournalKind::kProvisional;
    entry.key = key;
    entry.upload_id = *store_->InitiateUpload(key, {});
    entry.completing = true;
    entry.size = content.size();
    entry.crc64 = Crc64(0, content.data(), content.size());
    part_ = *store_->CopyPart(key, entry.upload_id, 1, "source", store_->Head("source")->etag, 0, content.size());
    return entry;
  }
  void CompleteAfter(const std::string& operation, const JournalEntry& entry) {
    oss::FaultRule rule;
    rule.operation = operation;
    rule.afterwards = [this, entry] {
      EXPECT_TRUE(store_->CompleteUpload(entry.key, entry.upload_id, {part_}, std::nullopt, false));
    };
    faults_->AddRule(rule);
  }
  PartResult part_;
};

TEST_F(ProvisionalUndo, OfANewFileThatAppearsMeanwhile) {
  for (const char* operation : {"head", "list_parts"}) {
    const JournalEntry entry = Completing("f", "half a file");
    CompleteAfter(operation, entry);
    EXPECT_TRUE(UndoProvisional(*faults_, entry));
    EXPECT_FALSE(store_->Content("f")) << "after " << operation;
    EXPECT_TRUE(store_->ListUploads("f")->empty());
  }
}

TEST_F(ProvisionalUndo, OfAFileThatIsReplacedMeanwhile) {
  for (const char* operation : {"head", "list_parts"}) {
    store_->PutContent("f", "the old version");
    JournalEntry entry = Completing("f", "half a file");
    entry.backup_key = "backup";
    store_->PutContent(entry.backup_key, "the old version");
    entry.backup_etag = store_->Head(entry.backup_key)->etag;
    CompleteAfter(operation, entry);
    EXPECT_TRUE(UndoProvisional(*faults_, entry));
    EXPECT_EQ(*store_->Content("f"), "the old version") << "after " << operation;
    EXPECT_FALSE(store_->Content("backup"));
  }
}

// The upload was open until it was ended here: what lies there is another's, though it is the same.
TEST_F(ProvisionalUndo, LeavesTheSameContentOfSomebodyElse) {
  const JournalEntry entry = Completing("f", "half a file");
  store_->PutContent("f", "half a file");
  EXPECT_TRUE(UndoProvisional(*faults_, entry));
  EXPECT_EQ(*store_->Content("f"), "half a file");
  EXPECT_TRUE(store_->ListUploads("f")->empty());
}

TEST_F(ProvisionalUndo, WhereTheUploadMayNotBeEnded) {
  store_->PutContent("f", "the old version");
  const JournalEntry entry = Completing("f", "half a file");
  oss::FaultRule rule;
  rule.operation = "abort";
  rule.error = MakeError(EACCES, ErrorKind::kAccessDenied, "no right");
  faults_->AddRule(rule);
  EXPECT_TRUE(UndoProvisional(*faults_, entry));
  EXPECT_EQ(*store_->Content("f"), "the old version");
}

// The disk of the journal is full, and the service does not answer: the file that was closed stays.
TEST_F(ProvisionalUndo, LeavesAFinishedFileWhoseRecordCouldNotSaySo) {
  store_->PutContent("f", "the old version");
  {
    Journal journal(options_.journal_dir);
    const ObjectInfo old = *store_->Head("f");
    auto provisional = Provisional::Begin(*faults_, journal, "f", ObjectVersion{"f", old.size, old.etag, old.crc64});
    ASSERT_TRUE(provisional);
    ASSERT_TRUE((*provisional)->BeforeComplete("upload", 8, std::nullopt));
    store_->PutContent("f", "finished");
    ASSERT_TRUE((*provisional)->Completed(store_->Head("f")->etag));
    Fail("delete", EIO, ErrorKind::kUnavailable);
    const test::FileSizeLimit full(0);
    (*provisional)->Settle();
  }
  EXPECT_EQ(RecordsOnDisk(), 0u);
  EXPECT_TRUE(Engine().Recover());
  EXPECT_EQ(*store_->Content("f"), "finished");
}

}  // namespace
}  // namespace ossfs2
