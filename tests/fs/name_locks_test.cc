// NameLocks: who waits for a directory gets it although changes below it follow each other, and two that want each
// other's directory both come to an end.
#include "fs/shared/name_locks.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

namespace ossfs2::test {
namespace {

constexpr Ino kRoot = 1;
constexpr Ino kDirectory = 2;
constexpr Ino kOther = 3;

std::vector<NameLocks::Want> Change(Ino directory, const std::string& name) {
  return {{directory, name, true}, {directory, {}, false}, {kRoot, {}, false}};
}
std::vector<NameLocks::Want> Move(Ino directory, const std::string& name) {
  return {{kRoot, name, true}, {kRoot, {}, false}, {directory, {}, true}};
}

class NameLocksTest : public ::testing::Test {
 protected:
  std::future<NameLocks::Guard> Acquire(std::vector<NameLocks::Want> wants) {
    return std::async(std::launch::async, [this, wants = std::move(wants)] { return locks_.Acquire(wants); });
  }
  void WaitForWaiting(size_t count) {
    while (locks_.waiting() != count) std::this_thread::yield();
  }
  NameLocks locks_;
};

TEST_F(NameLocksTest, ADirectoryIsTakenAlthoughChangesBelowItFollowEachOther) {
  NameLocks::Guard first = locks_.Acquire(Change(kDirectory, "a"));
  auto move = Acquire(Move(kDirectory, "d"));
  WaitForWaiting(1);
  auto second = Acquire(Change(kDirectory, "b"));  // overlaps the first; more might follow for ever
  WaitForWaiting(2);
  NameLocks::Guard elsewhere = locks_.Acquire(Change(kOther, "b"));  // nobody waits for that one
  elsewhere.Release();
  first.Release();
  NameLocks::Guard moved = move.get();
  WaitForWaiting(1);
  moved.Release();
  second.get();
}

TEST_F(NameLocksTest, TwoThatWaitForEachOthersDirectoryComeOneAfterTheOther) {
  NameLocks::Guard first = locks_.Acquire(Change(kDirectory, "a"));
  NameLocks::Guard second = locks_.Acquire(Change(kOther, "b"));
  std::vector<NameLocks::Want> into = Move(kDirectory, "d");
  into.push_back({kOther, {}, false});
  std::vector<NameLocks::Want> back = Move(kOther, "e");
  back.push_back({kDirectory, {}, false});
  auto one = Acquire(into);
  WaitForWaiting(1);
  auto two = Acquire(back);
  WaitForWaiting(2);
  first.Release();
  second.Release();
  one.get().Release();
  two.get().Release();
}

}  // namespace
}  // namespace ossfs2::test
