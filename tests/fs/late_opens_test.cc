// Opens by number of files that lose their name to a rename here: the kernel looked the name up just before.
#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "oss/fakes/fault_store.h"
#include "tests/fs/mount_fixture.h"
#include "tests/support/shared_clock.h"

namespace ossfs2::test {
namespace {

class LateOpens : public ::testing::Test {
 protected:
  void AfterCopyTo(const std::string& key, std::function<void()> work) {
    oss::FaultRule rule;
    rule.operation = "copy";
    rule.key_part = key;
    rule.afterwards = std::move(work);
    faults_->AddRule(rule);
  }
  // What an open gives that the kernel sends with what a look-up has found.
  Result<std::string> ReadByNumber(TestMount& mount, Ino ino) {
    auto fast = mount.fs().TryOpen(ino, O_RDONLY);
    Result<Opened> opened = fast ? *fast : mount.fs().Open(ino, O_RDONLY);
    if (!opened) return opened.error();
    Result<std::string> bytes = mount.Read(opened->handle, 0, 100);
    mount.Close(opened->handle);
    return bytes;
  }
  static bool WaitFor(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!holds() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    return holds();
  }
  static FsOptions CloseToOpen() {
    FsOptions options;
    options.close_to_open = true;
    return options;
  }

  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  std::unique_ptr<oss::FaultStore> faults_ = oss::MakeFaultStore(*store_);
};

// The first one fails, and the kernel looks the name up again. Then another rename comes before its open.
TEST_F(LateOpens, ASecondOneGetsTheFileThatItFound) {
  TestMount mount(*faults_);
  for (const char* key : {"f", "second", "third"}) store_->PutContent(key, key);
  const Ino first = mount.InoOf("f");
  ASSERT_EQ(mount.Rename("second", "f"), 0);
  const Result<std::string> refused = ReadByNumber(mount, first);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().errno_value, ESTALE);
  const Ino second = mount.InoOf("f");
  ASSERT_EQ(mount.Rename("third", "f"), 0);
  const Result<std::string> bytes = ReadByNumber(mount, second);
  ASSERT_TRUE(bytes) << bytes.error().ToString();
  EXPECT_EQ(*bytes, "second");
  EXPECT_EQ(*mount.Get("f"), "third");
}

TEST_F(LateOpens, OneThatWaitsForTheRenameIsLateToo) {
  TestMount mount(*faults_);
  for (const char* key : {"f", "second", "third"}) store_->PutContent(key, key);
  const Ino first = mount.InoOf("f");
  std::future<Result<std::string>> open;
  AfterCopyTo("f", [&] {
    std::atomic<bool> tried = false;
    open = std::async(std::launch::async, [&] {
      EXPECT_FALSE(mount.fs().TryOpen(first, O_RDONLY));
      tried = true;
      return ReadByNumber(mount, first);
    });
    EXPECT_TRUE(WaitFor([&] { return tried.load(); }));
  });
  ASSERT_EQ(mount.Rename("second", "f"), 0);
  const Ino second = mount.InoOf("f");
  ASSERT_EQ(mount.Rename("third", "f"), 0);
  (void)open.get();
  const Result<std::string> bytes = ReadByNumber(mount, second);
  ASSERT_TRUE(bytes) << bytes.error().ToString();
  EXPECT_EQ(*bytes, "second");
}

TEST_F(LateOpens, RenamesCostNoMoreWhereNoneCameLateOfLate) {
  SharedClock clock;
  TestMount mount(*faults_, {}, clock);
  for (const char* key : {"f", "second", "third", "fourth"}) store_->PutContent(key, key);
  ASSERT_TRUE(mount.List(""));
  const auto gets_of = [&](const char* from) {
    const uint64_t before = store_->Requests()["get"];
    EXPECT_EQ(mount.Rename(from, "f"), 0);
    return store_->Requests()["get"] - before;
  };
  const Ino first = mount.InoOf("f");
  EXPECT_EQ(gets_of("second"), 0u);
  EXPECT_FALSE(ReadByNumber(mount, first));
  EXPECT_EQ(gets_of("third"), 1u);
  clock.Advance(std::chrono::seconds(2));
  EXPECT_EQ(gets_of("fourth"), 0u);
}

TEST_F(LateOpens, WhatIsKeptIsGivenUpAfterAWhile) {
  SharedClock clock;
  TestMount mount(*faults_, {}, clock);
  for (const char* key : {"f", "second", "third"}) store_->PutContent(key, key);
  const Ino first = mount.InoOf("f");
  ASSERT_EQ(mount.Rename("second", "f"), 0);
  EXPECT_FALSE(ReadByNumber(mount, first));
  const Ino second = mount.InoOf("f");
  ASSERT_EQ(mount.Rename("third", "f"), 0);
  EXPECT_TRUE(ReadByNumber(mount, second));
  clock.Advance(std::chrono::seconds(2));
  EXPECT_TRUE(WaitFor([&] { return !ReadByNumber(mount, second); }));
  EXPECT_EQ(store_->Keys(), std::vector<std::string>{"f"});
}

TEST_F(LateOpens, LargeFilesAreNotKept) {
  TestMount mount(*faults_);
  store_->PutContent("f", "first");
  store_->PutContent("second", std::string((1u << 20) + 1, 'x'));
  store_->PutContent("third", "third");
  const Ino first = mount.InoOf("f");
  ASSERT_EQ(mount.Rename("second", "f"), 0);
  EXPECT_FALSE(ReadByNumber(mount, first));
  const Ino second = mount.InoOf("f");
  const uint64_t gets = store_->Requests()["get"];
  ASSERT_EQ(mount.Rename("third", "f"), 0);
  EXPECT_EQ(store_->Requests()["get"], gets);
  EXPECT_FALSE(ReadByNumber(mount, second));
}

// What a name has changes between the look-up's answer and its end.
TEST_F(LateOpens, ANameThatIsReplacedAgainAndAgainIsAlwaysThere) {
  FsOptions options;
  options.attr_timeout_s = 0;
  TestMount mount(*faults_, options);
  store_->PutContent("f", "old");
  std::atomic<bool> ends = false;
  std::thread renames([&] {
    for (int i = 0; i < 300; ++i) {
      store_->PutContent("new", "new");
      EXPECT_EQ(mount.Rename("new", "f"), 0);
    }
    ends = true;
  });
  while (!ends) {
    const Result<Entry> found = mount.fs().Lookup(kRootIno, "f");
    if (!found) ADD_FAILURE() << found.error().ToString();
    if (found) mount.fs().Forget(found->attr.ino, 1);
  }
  renames.join();
}

TEST_F(LateOpens, CreateOfAFileThatIsReplacedMeanwhileOpensTheNewOne) {
  TestMount mount(*faults_, CloseToOpen());
  for (const char* key : {"f", "other"}) store_->PutContent(key, key);
  ASSERT_NE(mount.InoOf("f"), 0u);
  oss::FaultRule rule;
  rule.operation = "head";
  rule.key_part = "f";
  rule.afterwards = [&] { EXPECT_EQ(mount.Rename("other", "f"), 0); };
  faults_->AddRule(rule);
  auto made = mount.fs().Create(kRootIno, "f", 0644, O_RDONLY, Caller{});
  ASSERT_TRUE(made) << made.error().ToString();
  EXPECT_EQ(*mount.Read(made->second.handle, 0, 10), "other");
  mount.Close(made->second.handle);
}

}  // namespace
}  // namespace ossfs2::test
