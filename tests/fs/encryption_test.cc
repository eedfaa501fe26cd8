// The service encrypts every copy and upload anew: an object's own encryption is asked for again.
#include <atomic>

#include "oss/fakes/fault_store.h"
#include "tests/fs/mount_fixture.h"
#include "tests/oss/test_data.h"

namespace ossfs2::test {
namespace {

class OwnEncryption : public ::testing::Test {
 protected:
  OwnEncryption() {
    for (const char* key : {"f", "d/one", "d/two"}) Put(key, "data");
  }
  void Put(const std::string& key, const std::string& content) {
    WriteOptions options;
    options.encryption = kOwn;
    EXPECT_TRUE(oss::PutNow(*store_, key, content, options));
  }
  void SaveAll() { mount_.fs().FlushAll(std::chrono::seconds(20)); }
  Encryption Of(const std::string& key) { return store_->Head(key)->encryption; }
  // How many HEADs of the key a rename sends.
  int HeadsOfRename(const std::string& from, const std::string& to) {
    std::atomic<int> heads = 0;
    oss::FaultRule rule;
    rule.operation = "head";
    rule.key_part = from;
    rule.count = -1;
    rule.meanwhile = [&] { ++heads; };
    faults_->AddRule(rule);
    EXPECT_EQ(mount_.Rename(from, to), 0);
    faults_->ClearRules();
    return heads;
  }

  const Encryption kOwn{"KMS", "key-1"};
  FakeClock clock_;
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore(clock_);
  std::unique_ptr<oss::FaultStore> faults_ = oss::MakeFaultStore(*store_);
  TestMount mount_{*faults_};
};

TEST_F(OwnEncryption, SurvivesChangesOfAttributes) {
  AttrChange change;
  change.mode = 0600;
  EXPECT_EQ(mount_.SetAttr("f", change), 0);
  SaveAll();
  EXPECT_TRUE(store_->MetadataOf("f")->contains("mode"));
  EXPECT_EQ(Of("f"), kOwn);
}

TEST_F(OwnEncryption, SurvivesRenamesAndCostsAHeadOnlyWhereItIsNotKnown) {
  mount_.InoOf("f");  // by a HEAD
  EXPECT_EQ(HeadsOfRename("f", "g"), 0);
  EXPECT_EQ(Of("g"), kOwn);
  ASSERT_TRUE(mount_.List("d"));
  EXPECT_EQ(HeadsOfRename("d/one", "d/three"), 1) << "a listing does not tell it";
  EXPECT_EQ(Of("d/three"), kOwn);
  EXPECT_EQ(mount_.Rename("d", "e"), 0);
  EXPECT_EQ(Of("e/two"), kOwn);
  EXPECT_EQ(Of("e/three"), kOwn);
}

// A folder of checkpoints is written and then gets its name.
TEST_F(OwnEncryption, OfFilesKnownHereCostsARenameOfTheirFolderNoHead) {
  ASSERT_EQ(mount_.Put("d/made", "data"), 0);
  mount_.InoOf("d/one");  // by a HEAD
  store_->ResetCounts();
  EXPECT_EQ(mount_.Rename("d", "e"), 0);
  EXPECT_EQ(CountOf(*store_, {"copy"}), 3u);
  EXPECT_LE(CountOf(*store_, {"head"}), 2u) << "only \"two\", and whether there is an \"e\"";
  for (const char* key : {"e/one", "e/two"}) EXPECT_EQ(Of(key), kOwn);
  EXPECT_EQ(Of("e/made"), Encryption{});

  Put("e/one", "data");  // by another host: the same bytes and ETag, encrypted otherwise
  clock_.Advance(std::chrono::seconds(5));
  WriteOptions options;
  options.encryption = {"AES256", ""};
  ASSERT_TRUE(oss::PutNow(*store_, "e/one", "data", options));
  EXPECT_EQ(mount_.Rename("e", "f2"), 0);
  EXPECT_EQ(Of("f2/one"), options.encryption);
}

TEST_F(OwnEncryption, SurvivesNewContent) {
  EXPECT_EQ(mount_.Put("f", "other"), 0);
  EXPECT_EQ(Of("f"), kOwn);
  EXPECT_EQ(store_->Content("f"), "other");
}

TEST_F(OwnEncryption, SurvivesPatchesByParts) {
  const std::string content(5u << 20, 'a');
  Put("large", content);
  const HandleId handle = *mount_.OpenPath("large", O_RDWR);
  ASSERT_TRUE(mount_.Write(handle, 3u << 20, "patch"));
  EXPECT_EQ(mount_.Close(handle), 0);
  EXPECT_GE(store_->Requests()["copy_part"], 1u);
  EXPECT_EQ(Of("large"), kOwn);
  EXPECT_EQ(store_->Content("large")->substr(3u << 20, 5), "patch");
}

TEST_F(OwnEncryption, NewFilesHaveTheBuckets) {
  EXPECT_EQ(mount_.Put("new", "data"), 0);
  EXPECT_EQ(mount_.Rename("new", "newer"), 0);
  EXPECT_EQ(Of("newer"), Encryption{});
}

}  // namespace
}  // namespace ossfs2::test
