// The metadata budget: what is counted, how far it holds, and what goes when nobody asks for anything any more.
#include <sys/xattr.h>

#include <chrono>
#include <set>
#include <thread>

#include "base/report/metrics.h"
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
  bool Fits(bool fits = true, uint64_t budget = kBudget) {
    const auto is_so = [&] { return (Bytes() <= static_cast<int64_t>(budget)) == fits; };
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!is_so() && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return is_so();
  }
  // As the first reply to a program that wants the first names only.
  static void ReadSome(TestMount& mount, HandleId handle) {
    EXPECT_TRUE(mount.fs().ReadDirectory(handle, 0, false, [](const DirEntry& entry) { return entry.cookie < 10; }));
  }

  Gauge& gauge_ = Registry::Default().gauge("metadata_bytes", "");
  const int64_t others_ = gauge_.Value();
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  TestMount mount_{*store_, Small()};
};

TEST_F(MetadataBudget, NamesGoWithTheReaderWhoLeft) {
  constexpr uint64_t kLessThanAPage = 200'000;
  FsOptions options;
  options.metadata_bytes_max = kLessThanAPage;
  TestMount mount(*store_, options);
  for (size_t i = 0; i < 8000; ++i) store_->PutContent("d/" + ManyNames(i), "1");
  const HandleId handle = *mount.fs().OpenDirectory(mount.InoOf("d"));
  ReadSome(mount, handle);
  EXPECT_TRUE(Fits(false, kLessThanAPage)) << "the page is there to be read";
  mount.fs().ReleaseDirectory(handle);
  EXPECT_TRUE(Fits(true, kLessThanAPage)) << Bytes();
}

TEST_F(MetadataBudget, NamesGoWithTheLastReaderOfAWholeListing) {
  for (size_t i = 0; i < 3000; ++i) store_->PutContent("d/" + ManyNames(i), "1");
  const Ino directory = mount_.InoOf("d");
  const HandleId behind = *mount_.fs().OpenDirectory(directory);
  ReadSome(mount_, behind);
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

// Reads a directory through one handle from a cookie to its end.
std::vector<std::pair<std::string, uint64_t>> ReadOn(TestMount& mount, HandleId handle, uint64_t cookie,
                                                     int64_t* peak_bytes) {
  auto& gauge = Registry::Default().gauge("metadata_bytes", "");
  std::vector<std::pair<std::string, uint64_t>> entries;
  for (size_t taken = 1; taken > 0;) {
    taken = 0;
    EXPECT_TRUE(mount.fs().ReadDirectory(handle, cookie, false, [&](const DirEntry& entry) {
      if (taken == 100) return false;
      ++taken;
      cookie = entry.cookie;
      if (entry.name != "." && entry.name != "..") entries.emplace_back(entry.name, cookie);
      return true;
    }));
    *peak_bytes = std::max(*peak_bytes, gauge.Value());
  }
  return entries;
}

// Mounts that each test makes.
class OwnBudgets : public ::testing::Test {
 protected:
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
};

TEST_F(OwnBudgets, MetadataStaysInItsBudget) {
  for (size_t i = 0; i < 80; ++i)
    for (size_t j = 0; j < 100; ++j) store_->PutContent("d" + std::to_string(i) + "/" + ManyNames(j), "1");
  FsOptions options;
  options.metadata_bytes_max = 700'000;
  TestMount mount(*store_, options);
  auto& gauge = Registry::Default().gauge("metadata_bytes", "");
  for (size_t i = 0; i < 80; ++i) EXPECT_EQ(mount.List("d" + std::to_string(i))->size(), 100u);
  EXPECT_LT(gauge.Value(), 1'000'000);
  for (size_t i = 0; i < 80; ++i) EXPECT_EQ(*mount.Get("d" + std::to_string(i) + "/" + ManyNames(99)), "1");
}

// A directory whose entry the kernel drops is "(deleted)" for those who work in it.
TEST_F(OwnBudgets, TheKernelIsAskedToForgetFilesBeforeTheirDirectory) {
  FsOptions options;
  options.metadata_bytes_max = 300'000;
  TestMount mount(*store_, options);
  std::set<std::string> directories;
  for (size_t i = 0; i < 20; ++i) {
    const std::string directory = "d" + std::to_string(i);
    directories.insert(directory);
    for (size_t j = 0; j < 100; ++j) {
      store_->PutContent(directory + "/" + ManyNames(j), "1");
      ASSERT_TRUE(mount.Stat(directory + "/" + ManyNames(j)));  // the kernel remembers it
    }
  }
  const std::vector<std::string> names = mount.notifier.names();
  EXPECT_GT(names.size(), 100u);
  for (const std::string& name : names) EXPECT_FALSE(directories.contains(name)) << name;
}

// Also while a program holds the directory open without reading it: for openat, or to sync it.
TEST_F(OwnBudgets, NamesThatCameAndWentLeaveNoMetadata) {
  auto& gauge = Registry::Default().gauge("metadata_bytes", "");
  for (const bool held_open : {false, true}) {
    TestMount mount(*store_);
    EXPECT_EQ(mount.Put("stays", "1"), 0);
    const HandleId handle = held_open ? *mount.fs().OpenDirectory(kRootIno) : 0;
    const int64_t before = gauge.Value();
    for (size_t i = 0; i < 1000; ++i) {
      ASSERT_EQ(mount.Put(ManyNames(i), "1"), 0);
      const Ino ino = mount.InoOf(ManyNames(i));
      ASSERT_EQ(mount.Unlink(ManyNames(i)), 0);
      mount.fs().Forget(ino, UINT64_MAX);
    }
    EXPECT_LT(gauge.Value(), before + 1000) << held_open;  // 1000 slots of a directory would be 8000
    if (held_open) {
      int64_t peak_bytes = 0;
      const auto entries = ReadOn(mount, handle, 0, &peak_bytes);
      ASSERT_EQ(entries.size(), 1u);
      EXPECT_EQ(entries.front().first, "stays");
      mount.fs().ReleaseDirectory(handle);
    }
    EXPECT_EQ(*mount.Get("stays"), "1");
    EXPECT_EQ(mount.List("")->size(), 1u);
  }
}

TEST_F(OwnBudgets, AnOpenDirectoryOfAnySizeStaysInTheBudget) {
  constexpr size_t kFiles = 8000;
  for (size_t i = 0; i < kFiles; ++i) store_->PutContent("d/" + ManyNames(i), "1");
  FsOptions options;
  options.metadata_bytes_max = 700'000;  // a third of what the names need
  options.list_page_size = 100;
  TestMount mount(*store_, options);
  Result<HandleId> handle = mount.fs().OpenDirectory(mount.InoOf("d"));
  ASSERT_TRUE(handle);
  int64_t peak_bytes = 0;
  const auto first = ReadOn(mount, *handle, 0, &peak_bytes);
  const auto again = ReadOn(mount, *handle, 0, &peak_bytes);  // rewinddir
  ASSERT_EQ(first.size(), kFiles);
  ASSERT_EQ(again.size(), kFiles);
  for (size_t i = 0; i < kFiles; ++i) {
    EXPECT_EQ(first[i].first, ManyNames(i));
    EXPECT_EQ(again[i].first, ManyNames(i));
  }
  // seekdir to where names are out of memory: none that follows is missing.
  std::set<std::string> rest;
  for (const auto& [name, cookie] : ReadOn(mount, *handle, again[1000].second, &peak_bytes)) rest.insert(name);
  for (size_t i = 1001; i < kFiles; ++i) EXPECT_TRUE(rest.contains(ManyNames(i))) << i;
  // Above the budget: pages fetched ahead, and a pointer for each name that was handed out.
  EXPECT_LT(peak_bytes, 700'000 + 600 * 300 + static_cast<int64_t>(3 * kFiles * sizeof(void*)));
  mount.fs().ReleaseDirectory(*handle);
  EXPECT_EQ(mount.List("d")->size(), kFiles);
}

}  // namespace
}  // namespace ossfs2::test
