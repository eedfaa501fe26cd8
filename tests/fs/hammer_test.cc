// Many threads at once: each sees its own work, and in the end all is consistent.
#include <atomic>
#include <random>
#include <thread>

#include "tests/fs/mount_fixture.h"
#include "tests/support/seed.h"

namespace ossfs2::test {
namespace {

// Threads with names of their own in shared directories, and shared names; in the end all is consistent.
TEST(Hammer, ThreadsDoNotDisturbEachOther) {
  const uint64_t seed = TestSeed();
  auto store = oss::MakeMemoryStore();
  FsOptions options;
  options.list_page_size = 5;
  options.attr_timeout_s = 0.01;
  TestMount mount(*store, options);
  for (const char* directory : {"shared", "other"}) ASSERT_EQ(mount.Mkdir(directory), 0);
  constexpr int kThreads = 8;
  constexpr int kRounds = 60;
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(seed + static_cast<uint64_t>(t));
      const std::string own = "shared/own" + std::to_string(t);
      const auto expect = [&](bool right, const char* what) {
        if (right) return;
        ++wrong;
        ADD_FAILURE() << what << " by thread " << t;
      };
      for (int round = 0; round < kRounds; ++round) {
        const std::string text = std::to_string(random());
        expect(mount.Put(own, text) == 0, "put");
        expect(mount.Get(own) == text, "get");
        expect(mount.Stat(own)->size == text.size(), "stat");
        expect(mount.Rename(own, own + ".new") == 0, "rename");
        expect(mount.Get(own + ".new") == text, "get after rename");
        const auto names = mount.List("shared");
        expect(names && std::count(names->begin(), names->end(), "own" + std::to_string(t) + ".new") == 1,
               "list");
        expect(mount.Unlink(own + ".new") == 0, "unlink");
        expect(mount.Stat(own + ".new").error().errno_value == ENOENT, "stat after unlink");
        // Everybody fights for these; any errno of the rules is right.
        const std::string common = "other/" + std::string(1, static_cast<char>('a' + random() % 3));
        switch (random() % 5) {
          case 0:
            mount.Put(common, text);
            break;
          case 1:
            mount.Unlink(common);
            break;
          case 2:
            mount.Rename(common, "other/z");
            break;
          case 3:
            mount.Mkdir(common);
            break;
          default:
            mount.Rename("other/dir", "other/dir2");
            mount.Rename("other/dir2", "other/dir");
            break;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(mount.List("shared")->size(), 0u);
  TestMount fresh(*store);
  auto seen = *mount.List("other");
  auto stored = *fresh.List("other");
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, stored);
  for (const std::string& name : stored) {
    if (S_ISREG(fresh.Stat("other/" + name)->mode)) {
      EXPECT_EQ(*mount.Get("other/" + name), *fresh.Get("other/" + name));
    }
  }
}

}  // namespace
}  // namespace ossfs2::test
