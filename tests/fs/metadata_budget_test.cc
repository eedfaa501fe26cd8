// The metadata budget: what is counted, and what goes when nobody asks for anything any more.
#include <sys/xattr.h>

#include <chrono>
#include <thread>

#include "base/metrics.h"
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

constexpr uint64_t kBudget = 700'000;

class MetadataBudget : public ::testing::Test {
 protected:
  static FsOptions Small() {
    FsOptions options;
    options.metadata_bytes_max = kBudget;
    return options;
  }
  int64_t Bytes() { return gauge_.Value() - others_; }
  bool Fits(bool fits = true) {
    const auto is_so = [&] { return (Bytes() <= static_cast<int64_t>(kBudget)) == fits; };
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!is_so() && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return is_so();
  }
  // As the first reply to a program that wants the first names only.
  void ReadSome(HandleId handle) {
    EXPECT_TRUE(mount_.fs().ReadDirectory(handle, 0, false, [](const DirEntry& entry) { return entry.cookie < 10; }));
  }

  Gauge& gauge_ = Registry::Default().gauge("metadata_bytes", "");
  const int64_t others_ = gauge_.Value();
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  TestMount mount_{*store_, Small()};
};

TEST_F(MetadataBudget, NamesGoWithTheReaderWhoLeft) {
  for (size_t i = 0; i < 8000; ++i) store_->PutContent("d/" + ManyNames(i), "1");
  const HandleId handle = *mount_.fs().OpenDirectory(mount_.InoOf("d"));
  ReadSome(handle);
  EXPECT_TRUE(Fits(false)) << "pages are fetched ahead";
  mount_.fs().ReleaseDirectory(handle);
  EXPECT_TRUE(Fits()) << Bytes();
}

TEST_F(MetadataBudget, NamesGoWithTheLastReaderOfAWholeListing) {
  for (size_t i = 0; i < 3000; ++i) store_->PutContent("d/" + ManyNames(i), "1");
  const Ino directory = mount_.InoOf("d");
  const HandleId behind = *mount_.fs().OpenDirectory(directory);
  ReadSome(behind);
  EXPECT_EQ(mount_.List("d")->size(), 3000u);
  EXPECT_GT(Bytes(), static_cast<int64_t>(kBudget)) << "the other one may read them yet";
  mount_.fs().ReleaseDirectory(behind);
  EXPECT_TRUE(Fits()) << Bytes();
}

TEST_F(MetadataBudget, WhatTheKernelForgetsGoesWithoutAnotherRequest) {
  for (size_t i = 0; i < 4000; ++i) store_->PutContent("d/" + ManyNames(i), "1");
  std::map<std::string, Attr> attrs;
  EXPECT_EQ(mount_.List("d", &attrs)->size(), 4000u);
  EXPECT_GT(Bytes(), static_cast<int64_t>(kBudget)) << "the kernel has them";
  for (const auto& [name, attr] : attrs) mount_.fs().Forget(attr.ino, UINT64_MAX);
  EXPECT_TRUE(Fits()) << Bytes();
}

TEST_F(MetadataBudget, CountsWhatObjectsKeepInMetadata) {
  store_->PutContent("f", "1", {{"note", std::string(3000, 'n')}});
  store_->PutContent("g", "1");
  mount_.InoOf("g");
  const int64_t before = Bytes();
  const Ino ino = mount_.InoOf("f");
  EXPECT_GT(Bytes(), before + 3000);
  EXPECT_LT(Bytes(), before + 5000);
  const int64_t with_file = Bytes();
  ASSERT_TRUE(mount_.fs().SetXattr(ino, "user.text", std::string(900, 'x'), 0));
  EXPECT_GT(Bytes(), with_file + 900);
  ASSERT_TRUE(mount_.fs().SetXattr(ino, "user.text", std::string(500, 'x'), XATTR_REPLACE));
  EXPECT_LT(Bytes(), with_file + 900);
  ASSERT_TRUE(mount_.fs().RemoveXattr(ino, "user.text"));
  EXPECT_EQ(Bytes(), with_file);
  EXPECT_EQ(mount_.Rename("f", "h"), 0);
  EXPECT_EQ(mount_.Unlink("h"), 0);
  mount_.fs().Forget(ino, UINT64_MAX);
  EXPECT_LT(Bytes(), before + 100);  // slots of the directory
  EXPECT_GE(Bytes(), before);
}

TEST_F(MetadataBudget, MetadataStaysInIt) {
  for (size_t i = 0; i < 500; ++i) {
    const std::string key = "d" + std::to_string(i) + "/f";
    store_->PutContent(key, "1", {{"note", std::string(7000, 'n')}});
    const Ino ino = mount_.InoOf(key);
    mount_.fs().Forget(ino, UINT64_MAX);
  }
  // What was used last stays for a while.
  EXPECT_LT(Bytes(), 5'000'000);
  for (size_t i = 0; i < 1100; ++i) EXPECT_FALSE(mount_.Stat("d0/absent-" + std::to_string(i)));
  store_->PutContent("last", "1");
  mount_.InoOf("last");
  EXPECT_TRUE(Fits()) << Bytes();
}

}  // namespace
}  // namespace ossfs2::test
