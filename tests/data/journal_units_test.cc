// The journal's text and its folders.
#include "data/journal_log.h"
#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

TEST(JournalEntry, ComesBackFromItsText) {
  JournalEntry entry;
  entry.kind = JournalKind::kProvisional;
  entry.key = std::string("odd \n%\xff key\0x", 13);
  entry.started_s = 1'700'000'000;
  entry.upload_id = "ABC";
  entry.backup_key = "dir/.ossfs2-backup-1";
  entry.backup_etag = "E0";
  entry.provisional_etags = {"E1", "E2"};
  entry.completing = true;
  entry.size = 5'000'000'000'000;
  entry.crc64 = ~0ull;
  const std::string text = EncodeJournalEntry(entry);
  const Result<JournalEntry> back = DecodeJournalEntry(text);
  ASSERT_TRUE(back);
  EXPECT_EQ(EncodeJournalEntry(*back), text);
  EXPECT_EQ(back->key, entry.key);
  EXPECT_EQ(back->crc64, entry.crc64);
  EXPECT_EQ(back->provisional_etags, entry.provisional_etags);
}

TEST(JournalEntry, DamageIsAnError) {
  JournalEntry entry;
  entry.key = "key%";
  const std::string text = EncodeJournalEntry(entry);
  for (size_t size = 0; size < text.size(); ++size) {
    const Result<JournalEntry> cut = DecodeJournalEntry(text.substr(0, size));
    ASSERT_FALSE(cut) << size;
    EXPECT_EQ(cut.error().kind, ErrorKind::kCorrupt);
  }
  EXPECT_FALSE(DecodeJournalEntry("ossfs2-upload-journal 2\nkey a\nend\n"));
  EXPECT_FALSE(DecodeJournalEntry("ossfs2-upload-journal 1\nkey %zz\nend\n"));
}

TEST(Journal, RunsThatEndedAreTakenOverOnceAndLiveOnesNot) {
  TempFolder folder;
  JournalEntry entry;
  entry.key = "a";
  auto live = std::make_unique<Journal>(folder.path());
  ASSERT_TRUE(live->Begin(entry));
  Journal next(folder.path());
  EXPECT_TRUE(next.TakeOver().empty());
  live.reset();  // ends with its record, as after a crash
  const auto left = next.TakeOver();
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].entry.key, "a");
  Journal third(folder.path());
  EXPECT_TRUE(third.TakeOver().empty());
  next.Settle(left[0].path);
  EXPECT_FALSE(std::filesystem::exists(left[0].path));
}

TEST(Journal, EndedRecordsLeaveNothing) {
  TempFolder folder;
  {
    Journal journal(folder.path());
    JournalEntry entry;
    entry.key = "a";
    const Result<Journal::Id> id = journal.Begin(entry);
    ASSERT_TRUE(id);
    ASSERT_TRUE(journal.Update(*id, entry));
    EXPECT_EQ(journal.OpenRecords(), 1u);
    journal.End(*id);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Journal, WithoutAFolderDoesNothing) {
  Journal journal("");
  JournalEntry entry;
  entry.key = "a";
  EXPECT_EQ(*journal.Begin(entry), 0u);
  EXPECT_TRUE(journal.TakeOver().empty());
}

}  // namespace
}  // namespace ossfs2
