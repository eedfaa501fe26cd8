// What `ossfs2 gc` does with backups and parked copies that no journal knows.
#include "data/recovery/leftovers.h"

#include <limits>
#include <map>
#include <set>

#include "base/values/crc64.h"
#include "data/recovery/backup_name.h"
#include "data/recovery/private_names.h"
#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

uint64_t CrcOf(const std::string& text) { return Crc64(0, text.data(), text.size()); }

class Leftovers : public WriteFixture {
 protected:
  std::string PutBackup(const std::string& file, const std::string& content, const std::string& unfinished) {
    const std::string key = MakeBackupKey({BackupKind::kProvisional, unfinished.size(), CrcOf(unfinished), file});
    store_->PutContent(key, content);
    return key;
  }
  LeftoverCount Clean(bool dry_run = false, int64_t before_s = std::numeric_limits<int64_t>::max()) {
    reasons_.clear();
    const Result<LeftoverCount> count = CleanLeftovers(
        *faults_, "", before_s, dry_run, [this](const std::string& key) { return in_use_.contains(key); },
        [this](const Leftover& item) { reasons_[item.key] = item.result ? item.reason : item.result.error().text; });
    EXPECT_TRUE(count);
    return *count;
  }
  std::map<std::string, std::string> reasons_;
  std::set<std::string> in_use_;
};

TEST_F(Leftovers, NamesTellTheFileAndItsUnfinishedVersion) {
  const std::string key = MakeBackupKey({BackupKind::kProvisional, 12345, 0xabcdef, "a/b=c/d=e-f.bin"});
  EXPECT_EQ(key.rfind("a/b=c/.ossfs2-backup-p-12345-abcdef-", 0), 0u) << key;
  const auto parsed = ParseBackupKey(key);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->key, "a/b=c/d=e-f.bin");
  EXPECT_EQ(parsed->size, 12345u);
  EXPECT_EQ(parsed->crc64, 0xabcdefu);
  EXPECT_NE(key, MakeBackupKey({BackupKind::kProvisional, 12345, 0xabcdef, "a/b=c/d=e-f.bin"}));
  // At the bound of a key the name is left out.
  const std::string long_name(kKeyBytesMax, 'n');
  const std::string no_name = MakeBackupKey({BackupKind::kConverting, 1, std::nullopt, long_name});
  EXPECT_LT(no_name.size(), kKeyBytesMax);
  EXPECT_TRUE(ParseBackupKey(no_name)->key.empty());
  EXPECT_FALSE(ParseBackupKey(no_name)->crc64);
  EXPECT_FALSE(ParseBackupKey("a/other"));
  EXPECT_TRUE(ParseBackupKey("a/.ossfs2-backup-1-2-3")->key.empty());  // of an older version
}

TEST_F(Leftovers, WhatARunningMountNeedsStays) {
  const std::string backup = PutBackup("d/unfinished", "old", "half a file");
  store_->PutContent("d/unfinished", "half a file");
  store_->PutContent(".ossfs2-unlinked-1", "open for days");
  in_use_ = {backup, ".ossfs2-unlinked-1"};
  LeftoverCount count = Clean();
  EXPECT_EQ(count.in_use, 2u);
  EXPECT_EQ(count.restored + count.deleted, 0u);
  EXPECT_EQ(store_->Keys().size(), 3u);
  in_use_.clear();
  count = Clean();
  EXPECT_EQ(count.restored, 1u);
  EXPECT_EQ(count.deleted, 1u);
  EXPECT_EQ(store_->Keys().size(), 1u);
}

TEST_F(Leftovers, MissingOrUnfinishedFilesComeBack) {
  PutBackup("d/missing", "old 1", "x");
  PutBackup("d/unfinished", "old 2", "half a file");
  store_->PutContent("d/unfinished", "half a file");
  EXPECT_EQ(Clean(true).restored, 2u);
  EXPECT_FALSE(store_->Content("d/missing"));
  const LeftoverCount count = Clean();
  EXPECT_EQ(count.restored, 2u);
  EXPECT_EQ(count.failed, 0u);
  EXPECT_EQ(store_->Keys(), (std::vector<std::string>{"d/missing", "d/unfinished"}));
  EXPECT_EQ(store_->Content("d/missing"), "old 1");
  EXPECT_EQ(store_->Content("d/unfinished"), "old 2");
}

TEST_F(Leftovers, WholeFilesStayAndTheirBackupsGo) {
  PutBackup("same", "old", "half");
  store_->PutContent("same", "old");
  PutBackup("newer", "old", "half");
  store_->PutContent("newer", "finished");
  store_->PutContent(PrivateKey("", kParkedNameStart), "unlinked");
  EXPECT_EQ(Clean().deleted, 3u);
  EXPECT_EQ(store_->Keys(), (std::vector<std::string>{"newer", "same"}));
  EXPECT_EQ(store_->Content("newer"), "finished");
}

TEST_F(Leftovers, WhatIsYoungOrNotKnownStays) {
  const std::string young = PutBackup("file", "old", "half");
  EXPECT_EQ(Clean(false, 0).younger, 1u);
  store_->PutContent("x/.ossfs2-backup-123-4-5", "of an older version");
  const std::string no_sum = MakeBackupKey({BackupKind::kProvisional, 4, std::nullopt, "other"});
  store_->PutContent(no_sum, "old");
  store_->PutContent("other", "half");
  const LeftoverCount count = Clean();
  EXPECT_EQ(count.restored, 1u);
  EXPECT_EQ(count.kept, 2u);
  EXPECT_TRUE(store_->Content(no_sum));
}

TEST_F(Leftovers, AFailedCopyKeepsTheBackup) {
  const std::string key = PutBackup("file", "old", "half");
  Fail("copy", EIO, ErrorKind::kOther);
  EXPECT_EQ(Clean().failed, 1u);
  EXPECT_TRUE(store_->Content(key));
  EXPECT_EQ(Clean().restored, 1u);
  EXPECT_EQ(store_->Content("file"), "old");
}

TEST_F(Leftovers, AFileThatIsMadeMeanwhileIsNotReplaced) {
  const std::string key = PutBackup("file", "old", "half");
  oss::FaultRule rule;
  rule.operation = "copy";
  rule.meanwhile = [this] { store_->PutContent("file", "new"); };
  faults_->AddRule(rule);
  EXPECT_EQ(Clean().failed, 1u);
  EXPECT_EQ(store_->Content("file"), "new");
  EXPECT_EQ(Clean().deleted, 1u);  // it is whole
  EXPECT_EQ(store_->Content("file"), "new");
}

// A crash in the middle of an edit, and the journal's disk is lost.
TEST_F(Leftovers, RestoresWhatARealEditLeft) {
  const std::string old = Random(300'000, 1);
  store_->PutContent("dir/file", old);
  auto file = OpenFile("dir/file");
  ASSERT_TRUE(file->Truncate(0));
  WriteInOrder(*file, Random(5 * kPart, 2), 100'000);
  MustWrite(*file, 2 * kPart, "patch");  // stored provisionally
  // The bucket as it is now, without what the living engine would still do.
  auto crashed = oss::MakeMemoryStore();
  for (const std::string& key : store_->Keys()) crashed->PutContent(key, *store_->Content(key));
  ASSERT_NE(crashed->Content("dir/file"), old);
  const Result<LeftoverCount> count =
      CleanLeftovers(*crashed, "dir/", std::numeric_limits<int64_t>::max(), false,
                     [](const std::string&) { return false; }, [](const Leftover&) {});
  ASSERT_TRUE(count);
  EXPECT_EQ(count->restored, 1u);
  EXPECT_EQ(crashed->Keys(), (std::vector<std::string>{"dir/file"}));
  EXPECT_TRUE(crashed->Content("dir/file") == old);
}

}  // namespace
}  // namespace ossfs2
