// The journal's text and its folders.
#include "data/journal/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cerrno>
#include <fstream>
#include <set>

#include "tests/data/write_fixture.h"
#include "tests/support/file_size_limit.h"

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

TEST(JournalEntry, OfARename) {
  JournalEntry entry;
  entry.kind = JournalKind::kRename;
  entry.key = "new name";
  entry.from_key = "old\xff name";
  entry.from_etag = "E0";
  entry.etag = "E1";
  const Result<JournalEntry> back = DecodeJournalEntry(EncodeJournalEntry(entry));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->kind, JournalKind::kRename);
  EXPECT_EQ(back->key, entry.key);
  EXPECT_EQ(back->from_key, entry.from_key);
  EXPECT_EQ(back->from_etag, "E0");
  EXPECT_EQ(back->etag, "E1");
}

TEST(JournalEntry, OfARunBeforeThereWereRenames) {
  const Result<JournalEntry> entry =
      DecodeJournalEntry("ossfs2-upload-journal 1\nkind upload\nkey a\nstarted 5\nupload U\nend\n");
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->kind, JournalKind::kUpload);
  EXPECT_EQ(entry->upload_id, "U");
  EXPECT_TRUE(entry->from_key.empty());
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

// As with a staging folder beside the runs, where journal_dir and state_dir are one.
TEST(Journal, FoldersThatAreNoRunsStay) {
  TempFolder folder;
  std::filesystem::create_directory(folder.path() + "/staging");
  std::ofstream(folder.path() + "/staging/file") << "x";
  std::filesystem::create_directory(folder.path() + "/run-1-1");
  EXPECT_TRUE(Journal(folder.path()).TakeOver().empty());
  EXPECT_TRUE(std::filesystem::exists(folder.path() + "/staging/file"));
  EXPECT_FALSE(std::filesystem::exists(folder.path() + "/run-1-1"));
}

TEST(Journal, LiveRunsAreReadWithoutTakingThemOver) {
  TempFolder folder;
  JournalEntry entry;
  entry.key = "dead";
  auto dead = std::make_unique<Journal>(folder.path());
  ASSERT_TRUE(dead->Begin(entry));
  dead.reset();  // ends with its record, as after a crash
  auto live = std::make_unique<Journal>(folder.path());
  entry.key = "live";
  entry.upload_id = "ABC";
  ASSERT_TRUE(live->Begin(entry));
  const auto entries = ReadLiveRuns(folder.path());
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 1u);
  EXPECT_EQ(entries->front().key, "live");
  EXPECT_EQ(entries->front().upload_id, "ABC");
  EXPECT_EQ(live->TakeOver().size(), 1u) << "the dead one is still there";
  live.reset();
  for (const std::string& path : {folder.path(), folder.path() + "/none"}) {
    const auto none = ReadLiveRuns(path);
    ASSERT_TRUE(none) << none.error().text;
    EXPECT_TRUE(none->empty());
  }
}

// gc looks whether a run lives, for which it has its lock for a moment, just when a mount begins.
TEST(Journal, ARunThatIsOnlyLookedAtIsTakenOver) {
  TempFolder folder;
  JournalEntry entry;
  entry.key = "a";
  auto dead = std::make_unique<Journal>(folder.path());
  ASSERT_TRUE(dead->Begin(entry));
  dead.reset();
  std::string lock_file;
  for (const auto& item : std::filesystem::recursive_directory_iterator(folder.path()))
    if (item.path().filename() == "lock") lock_file = item.path().string();
  const int fd = open(lock_file.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(flock(fd, LOCK_SH), 0);
  EXPECT_EQ(Journal(folder.path()).TakeOver([fd] { close(fd); }).size(), 1u);
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

// What each synced folder has in it at that moment.
class SyncedFolders {
 public:
  Journal::SyncFolder Hook() {
    return [this](int fd) {
      std::set<std::string> names;
      const std::string path = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd)).string();
      for (const auto& item : std::filesystem::directory_iterator(path)) names.insert(item.path().filename().string());
      synced_.emplace_back(path, names);
      errno = error;
      return error == 0 ? 0 : -1;
    };
  }
  // Of a run's folder, since the last time.
  std::vector<std::set<std::string>> TakeOfRun() {
    std::vector<std::set<std::string>> taken;
    for (const auto& [path, names] : synced_)
      if (path.find("/run-") != std::string::npos) taken.push_back(names);
    synced_.clear();
    return taken;
  }
  size_t Count() const { return synced_.size(); }
  int error = 0;

 private:
  std::vector<std::pair<std::string, std::set<std::string>>> synced_;
};

TEST(Journal, TheNamesOfProvisionalRecordsAreOnDiskBeforeTheBucketIsChanged) {
  TempFolder folder;
  SyncedFolders synced;
  Journal journal(folder.path(), synced.Hook());
  JournalEntry upload;
  upload.key = "a";
  const Result<Journal::Id> first = journal.Begin(upload);
  EXPECT_EQ(synced.Count(), 2u) << "the journal's folder has a new run, its parent may have a new journal";
  EXPECT_TRUE(synced.TakeOfRun().empty());
  JournalEntry entry;
  entry.kind = JournalKind::kProvisional;
  entry.key = "b";
  const Result<Journal::Id> id = journal.Begin(entry);
  ASSERT_TRUE(id);
  using Names = std::vector<std::set<std::string>>;
  const Names renamed{std::set<std::string>{"lock", "1.record", "2.record"}};
  EXPECT_EQ(synced.TakeOfRun(), renamed);
  ASSERT_TRUE(journal.Update(*id, entry));
  EXPECT_EQ(synced.TakeOfRun(), renamed);
  journal.End(*first);
  EXPECT_EQ(synced.Count(), 0u);
  journal.End(*id, Journal::OnDisk::kNow);
  EXPECT_EQ(synced.TakeOfRun(), Names{std::set<std::string>{"lock"}});
}

TEST(Journal, AFolderThatCannotBeSyncedIsAnErrorUnlessNoneCanBe) {
  TempFolder folder;
  SyncedFolders synced;
  Journal journal(folder.path(), synced.Hook());
  JournalEntry entry;
  entry.kind = JournalKind::kProvisional;
  entry.key = "a";
  synced.error = EIO;
  EXPECT_EQ(journal.Begin(entry).error().errno_value, EIO);
  EXPECT_EQ(journal.OpenRecords(), 0u);
  synced.error = EINVAL;
  EXPECT_TRUE(journal.Begin(entry));
}

TEST(Journal, DamagedRecordsOfAnyKindAreKeptAndTheGoodOnesServe) {
  TempFolder folder;
  JournalEntry entry;
  entry.key = "good";
  std::string run;
  {
    Journal ended(folder.path());
    ASSERT_TRUE(ended.Begin(entry));
    run = std::filesystem::directory_iterator(folder.path())->path().string();
  }
  const std::string text = EncodeJournalEntry(entry);
  std::ofstream(run + "/10.record") << text.substr(0, text.size() / 2);
  std::ofstream(run + "/11.record") << Random(5000, 1);
  std::ofstream(run + "/12.record").flush();
  std::ofstream(run + "/13.record").flush();
  std::filesystem::resize_file(run + "/13.record", 1ull << 40);  // sparse: reading it would take hours
  std::filesystem::create_directory(run + "/14.record");
  ASSERT_EQ(mkfifo((run + "/15.record").c_str(), 0600), 0);
  Journal next(folder.path());
  const auto left = next.TakeOver();
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].entry.key, "good");
  next.Settle(left[0].path);
  EXPECT_TRUE(std::filesystem::exists(run + "/10.record"));
  EXPECT_TRUE(std::filesystem::exists(run + "/14.record"));
}

TEST(Journal, AFolderThatWasRemovedIsMadeAgain) {
  TempFolder folder;
  JournalEntry entry;
  entry.key = "a";
  auto journal = std::make_unique<Journal>(folder.path() + "/deep/journal");
  const Result<Journal::Id> first = journal->Begin(entry);
  ASSERT_TRUE(first);
  std::filesystem::remove_all(folder.path() + "/deep");
  EXPECT_TRUE(journal->Update(*first, entry));
  std::filesystem::remove_all(folder.path() + "/deep");
  const Result<Journal::Id> second = journal->Begin(entry);
  ASSERT_TRUE(second) << second.error().text;
  journal->End(*first);
  Journal other(folder.path() + "/deep/journal");
  EXPECT_TRUE(other.TakeOver().empty()) << "the folder made again has its lock";
  journal.reset();
  EXPECT_EQ(other.TakeOver().size(), 1u);
}

// A run without its lock would be taken for one that ended, and its uploads aborted.
TEST(Journal, AFolderWhoseLockCannotBeMadeIsNotUsed) {
  TempFolder folder;
  Journal journal(folder.path());
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 3;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);  // mkdir goes on working, open does not
  JournalEntry entry;
  entry.key = "a";
  const Result<Journal::Id> refused = journal.Begin(entry);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().errno_value, EMFILE);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  ASSERT_TRUE(journal.Begin(entry));
  Journal other(folder.path());
  EXPECT_TRUE(other.TakeOver().empty());
}

TEST(Journal, AFullDiskStillTakesTheNameOfACopyThatMustGo) {
  const test::TempFolder folder;
  auto journal = std::make_unique<Journal>(folder.path());
  JournalEntry entry;
  entry.kind = JournalKind::kProvisional;
  entry.key = "dir/file";
  entry.backup_key = "a dir/\xff%/.ossfs2-unlinked-0123456789abcdef";
  entry.settled = true;
  Result<Journal::Id> ended = Journal::Id{0};
  Result<Journal::Id> id = Journal::Id{0};
  {
    const test::FileSizeLimit full(0);
    ended = journal->Begin(entry);
    id = journal->Begin(entry);
    JournalEntry has_more = entry;
    has_more.settled = false;
    EXPECT_FALSE(journal->Begin(has_more));
    JournalEntry is_long = entry;
    is_long.backup_key = std::string(kNamedCopyMax, 'x');
    EXPECT_FALSE(journal->Begin(is_long));
  }
  ASSERT_TRUE(ended && id);
  journal->End(*ended);
  EXPECT_EQ(journal->OpenRecords(), 1u);
  const auto live = ReadLiveRuns(folder.path());
  ASSERT_TRUE(live);
  ASSERT_EQ(live->size(), 1u);
  EXPECT_EQ(live->front().backup_key, entry.backup_key);
  EXPECT_TRUE(live->front().settled);
  journal = std::make_unique<Journal>(folder.path());  // the run ends, its record stays
  const std::vector<Journal::Left> left = journal->TakeOver();
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left.front().entry.backup_key, entry.backup_key);
  journal->Settle(left.front().path);
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
