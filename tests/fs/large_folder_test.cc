// Folders with more names than the metadata budget holds, and a kernel that holds what it was given: what it gets, what
// it is asked to forget, and what look-ups cost.
#include <algorithm>
#include <random>
#include <set>

#include "base/report/metrics.h"
#include "tests/fs/mount_fixture.h"
#include "tests/support/seed.h"

namespace ossfs2::test {
namespace {

constexpr uint64_t kBudget = 700'000;
constexpr size_t kFiles = 8000;  // three times what fits
constexpr int kPage = 100;

// Holds nodes until it is told to forget them, and gives them back when the test says so.
class Kernel final : public KernelNotifier {
 public:
  void InvalidateAttributes(Ino) override {}
  void InvalidateInode(Ino) override {}
  void WithdrawInode(Ino) override {}
  void InvalidateEntry(Ino, const std::string& name) override {
    std::lock_guard lock(mutex_);
    asked_.insert(name);
  }
  size_t EntriesWaiting() override { return waiting; }

  void Hold(const std::string& name, Ino ino) { held_[name] = ino; }
  bool Holds(const std::string& name) const { return held_.contains(name); }
  void ForgetWhatItWasAsked(FileSystem& fs) {
    for (const std::string& name : TakeAsked())
      if (const auto node = held_.extract(name)) fs.Forget(node.mapped(), UINT64_MAX);
  }
  std::set<std::string> TakeAsked() {
    std::lock_guard lock(mutex_);
    return std::exchange(asked_, {});
  }
  size_t waiting = 0;

 private:
  std::mutex mutex_;
  std::set<std::string> asked_;
  std::map<std::string, Ino> held_;  // of the test's thread
};

class LargeFolder : public ::testing::Test {
 protected:
  LargeFolder() {
    for (size_t i = 0; i < kFiles; ++i) store_->PutContent("d/" + ManyNames(i), "1");
    mount_.fs().SetNotifier(&kernel_);
    directory_ = mount_.InoOf("d");
  }
  ~LargeFolder() override { mount_.fs().SetNotifier(nullptr); }
  static FsOptions Small() {
    FsOptions options;
    options.metadata_bytes_max = kBudget;
    options.list_page_size = kPage;
    return options;
  }
  void Measure() { peak_ = std::max(peak_, gauge_.Value() - others_); }
  // As READDIRPLUS and what the program does with the names; those that come without attributes count as bare.
  template <class Use>
  std::vector<std::string> List(Use use) {
    const HandleId handle = *mount_.fs().OpenDirectory(directory_);
    std::vector<std::string> names;
    uint64_t cookie = 0;
    for (size_t taken = 1; taken > 0;) {
      std::vector<std::string> batch;
      taken = 0;
      EXPECT_TRUE(mount_.fs().ReadDirectory(handle, cookie, true, [&](const DirEntry& entry) {
        if (taken == 80) return false;
        ++taken;
        cookie = entry.cookie;
        if (entry.name == "." || entry.name == "..") return true;
        batch.push_back(entry.name);
        if (entry.has_attributes) kernel_.Hold(entry.name, entry.entry.attr.ino);
        else ++bare_;
        EXPECT_NE(entry.entry.attr.ino, 0u);
        EXPECT_TRUE(S_ISREG(entry.entry.attr.mode));
        return true;
      }));
      Measure();
      for (const std::string& name : batch) use(name);
      names.insert(names.end(), batch.begin(), batch.end());
    }
    mount_.fs().ReleaseDirectory(handle);
    return names;
  }
  void LookUp(const std::string& name) {
    if (kernel_.Holds(name)) return;
    const auto entry = mount_.Lookup(directory_, name);
    ASSERT_TRUE(entry) << name;
    kernel_.Hold(name, entry->attr.ino);
    Measure();
  }
  static void ExpectAll(const std::vector<std::string>& names) {
    ASSERT_EQ(names.size(), kFiles);
    for (size_t i = 0; i < kFiles; ++i) ASSERT_EQ(names[i], ManyNames(i));
  }

  Gauge& gauge_ = Registry::Default().gauge("metadata_bytes", "");
  const int64_t others_ = gauge_.Value();
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  Kernel kernel_;
  TestMount mount_{*store_, Small()};
  Ino directory_ = 0;
  size_t bare_ = 0;
  int64_t peak_ = 0;
};

// find, ls -f: also when the kernel forgets nothing.
TEST_F(LargeFolder, NamesThatNobodyLooksUpStayInTheBudget) {
  ExpectAll(List([](const std::string&) {}));
  EXPECT_LT(peak_, static_cast<int64_t>(kBudget) + 3 * kPage * 300);
  EXPECT_GT(bare_, kFiles / 2);
  EXPECT_LT(bare_, kFiles) << "below the limit names come with attributes";
  EXPECT_EQ(CountOf(*store_, {"head"}), 1u) << "of the folder";
}

// ls -l: each name is looked up before the next ones are read, and the kernel forgets when it is asked to.
TEST_F(LargeFolder, WhoLooksUpWhatHeReadsNeedsTheListingOnly) {
  size_t names = 0;
  ExpectAll(List([&](const std::string& name) {
    LookUp(name);
    if (++names % 80 == 0) kernel_.ForgetWhatItWasAsked(mount_.fs());
  }));
  EXPECT_LT(peak_, static_cast<int64_t>(kBudget) + 3 * kPage * 300);
  EXPECT_LT(bare_, kFiles / 2) << "most attributes come with the names";
  EXPECT_EQ(CountOf(*store_, {"head"}), 1u) << "of the folder";
}

// Whatever is known of a folder before it is listed does not hold the other names up.
TEST_F(LargeFolder, TheListingGoesPastNamesThatAreKnownAlready) {
  for (const size_t i : {kFiles - 1, kFiles / 2, kFiles / 4}) LookUp(ManyNames(i));
  std::vector<std::string> names = List([](const std::string&) {});
  std::sort(names.begin(), names.end());
  ExpectAll(names);
  EXPECT_LT(peak_, static_cast<int64_t>(kBudget) + 3 * kPage * 300);
}

// One that was dropped after it was shown, and is looked up while the rest is read, comes no second time.
TEST_F(LargeFolder, ANameIsShownOnce) {
  size_t names = 0;
  ExpectAll(List([&](const std::string&) {
    if (++names > kFiles / 2 && names % 50 == 0) LookUp(ManyNames(names - kFiles / 2));
  }));
}

TEST_F(LargeFolder, FilesThatWereOpenedAreForgottenLast) {
  for (size_t i = 0; i < 20; ++i) {
    LookUp(ManyNames(i));
    ASSERT_EQ(*mount_.Get("d/" + ManyNames(i)), "1");
  }
  List([](const std::string&) {});
  std::set<std::string> asked = kernel_.TakeAsked();
  EXPECT_GT(asked.size(), 100u);
  for (size_t i = 0; i < 20; ++i) EXPECT_FALSE(asked.contains(ManyNames(i))) << i;
  EXPECT_TRUE(asked.contains(ManyNames(20)));
}

TEST_F(LargeFolder, TheKernelIsNotAskedForMoreWhileItHasMuchToForget) {
  kernel_.waiting = 1000;
  List([](const std::string&) {});
  EXPECT_TRUE(kernel_.TakeAsked().empty());
  EXPECT_LT(peak_, static_cast<int64_t>(kBudget) + 3 * kPage * 300);
}

// os.listdir, glob, sorted data sets: all names first, then one after the other.
TEST_F(LargeFolder, LookUpsInOrderAfterTheListingListAgain) {
  const std::vector<std::string> names = List([](const std::string&) {});
  const uint64_t before = CountAll(*store_);
  for (size_t i = 0; i < names.size(); ++i) {
    LookUp(names[i]);
    if (i % 80 == 0) kernel_.ForgetWhatItWasAsked(mount_.fs());
  }
  EXPECT_LT(CountAll(*store_) - before, 2 * kFiles / kPage);
  EXPECT_LT(peak_, static_cast<int64_t>(kBudget) + 3 * kPage * 300);
}

// du, find -size (which sort by inode number), shuffled data sets: nothing tells what comes next.
TEST_F(LargeFolder, LookUpsInNoOrderAskForEachNameOnly) {
  std::vector<std::string> names = List([](const std::string&) {});
  std::shuffle(names.begin(), names.end(), std::mt19937_64(TestSeed()));
  const uint64_t before = CountAll(*store_);
  for (size_t i = 0; i < names.size(); ++i) {
    LookUp(names[i]);
    if (i % 80 == 0) kernel_.ForgetWhatItWasAsked(mount_.fs());
  }
  EXPECT_LT(CountAll(*store_) - before, kFiles + kFiles / 8);
  constexpr int64_t kUsedBytes = 1024 * 300;  // what was asked for last stays for a while
  EXPECT_LT(peak_, static_cast<int64_t>(kBudget) + 3 * kPage * 300 + kUsedBytes);
}

}  // namespace
}  // namespace ossfs2::test
