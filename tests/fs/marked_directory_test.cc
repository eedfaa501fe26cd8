// Directories whose files keep attributes: what is asked for when, and what it costs.
#include <chrono>
#include <future>
#include <thread>

#include "oss/fakes/fault_store.h"
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

class MarkedDirectory : public ::testing::Test {
 protected:
  static constexpr size_t kFiles = 500;
  MarkedDirectory() {
    for (size_t i = 0; i < kFiles; ++i) store_->PutContent(Path(i), "1", {{"mode", "33184"}});
    AttrChange change;
    change.mode = 0640;
    change.uid = 77;
    EXPECT_EQ(mount_.SetAttr(Path(0), change), 0);
    EXPECT_TRUE(mount_.fs().FlushAll(std::chrono::seconds(20)).empty());
    fresh_.InoOf("d");
    store_->ResetCounts();
  }
  static std::string Path(size_t i) { return "d/" + ManyNames(i); }
  uint64_t Heads() { return CountOf(*store_, {"head"}); }
  bool HeadsReach(uint64_t count) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (Heads() < count && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return Heads() >= count;
  }
  void ExpectMode(size_t file, uint32_t mode) {
    const Result<Attr> attr = fresh_.Stat(Path(file));
    ASSERT_TRUE(attr) << attr.error().ToString();
    EXPECT_EQ(attr->mode & 07777, mode) << file;
  }

  FakeClock clock_;
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  std::unique_ptr<oss::FaultStore> faults_ = oss::MakeFaultStore(*store_);
  TestMount mount_{*store_};
  TestMount fresh_{*faults_, {}, clock_};  // has seen none of them
};

TEST_F(MarkedDirectory, NamesAloneCostNoHead) {
  std::map<std::string, Attr> attrs;
  std::vector<std::string> bare;
  EXPECT_EQ(fresh_.List("d", &attrs, &bare)->size(), kFiles);
  EXPECT_EQ(bare.size(), kFiles);
  EXPECT_EQ(Heads(), 0u);
}

TEST_F(MarkedDirectory, OneStatCostsOneHead) {
  ASSERT_TRUE(fresh_.List("d"));
  EXPECT_EQ(fresh_.Stat(Path(100))->mode & 07777, 0640u);
  EXPECT_EQ(Heads(), 1u);
  EXPECT_EQ(fresh_.Stat(Path(100))->mode & 07777, 0640u);
  EXPECT_EQ(Heads(), 1u);
}

TEST_F(MarkedDirectory, StatsInNoOrderAskForNoOthers) {
  ASSERT_TRUE(fresh_.List("d"));
  for (const size_t file : {400, 7, 250, 90, 320}) EXPECT_EQ(fresh_.Stat(Path(file))->mode & 07777, 0640u);
  EXPECT_EQ(Heads(), 5u);
}

// Programs that sort by inode number, and shuffled data sets: one HEAD after the other would take all day.
TEST_F(MarkedDirectory, ManyStatsInNoOrderHaveOthersAskedFor) {
  ASSERT_TRUE(fresh_.List("d"));
  for (size_t i = 0; i < 15; ++i) ExpectMode(i * 200 % 499, 0640);
  EXPECT_EQ(Heads(), 15u);
  ExpectMode(450, 0640);
  EXPECT_TRUE(HeadsReach(15 + 1 + 49)) << Heads();  // the rest of the folder
  for (size_t i = 0; i < kFiles; ++i) ExpectMode(i * 7 % kFiles, 0640);
  EXPECT_EQ(Heads(), kFiles);
}

// Each look-up waits for its own answer only.
TEST_F(MarkedDirectory, ASlowAnswerHoldsUpNoOtherFile) {
  ASSERT_TRUE(fresh_.List("d"));
  std::promise<void> go_on;
  oss::FaultRule rule;
  rule.operation = "head";
  rule.key_part = ManyNames(5);
  rule.meanwhile = [released = go_on.get_future().share()] { released.wait_for(std::chrono::seconds(60)); };
  faults_->AddRule(rule);
  for (size_t i = 0; i < 5; ++i) ExpectMode(i, 0640);
  auto slow = std::async(std::launch::async, [this] { ExpectMode(5, 0640); });
  for (size_t i = 6; i < 40; ++i) ExpectMode(i, 0640);
  EXPECT_EQ(slow.wait_for(std::chrono::seconds(0)), std::future_status::timeout) << "others waited for it";
  go_on.set_value();
  slow.get();
}

// The kernel shows what it knows for as long as it may, unless a listing brings something newer.
TEST_F(MarkedDirectory, FilesThatTheKernelHasAreListedWithNewAttributes) {
  ASSERT_TRUE(fresh_.List("d"));
  ExpectMode(3, 0640);
  AttrChange change;
  change.mode = 0600;
  ASSERT_EQ(mount_.SetAttr(Path(3), change), 0);
  ASSERT_TRUE(mount_.fs().FlushAll(std::chrono::seconds(20)).empty());
  store_->PutContent(Path(3), "new", {{"mode", "33152"}});
  clock_.Advance(std::chrono::seconds(100));
  store_->ResetCounts();
  std::map<std::string, Attr> attrs;
  std::vector<std::string> bare;
  ASSERT_TRUE(fresh_.List("d", &attrs, &bare));
  EXPECT_EQ(attrs[ManyNames(3)].mode & 07777, 0600u);
  EXPECT_EQ(bare.size(), kFiles - 1);
}

// By their numbers: the kernel has the names, and asks only for attributes.
TEST_F(MarkedDirectory, AttributesByNumberAreAskedForAheadToo) {
  for (size_t i = 0; i < kFiles; ++i) store_->PutContent("e/" + ManyNames(i), "1", {{"mode", "33184"}});
  std::map<std::string, Attr> attrs;
  ASSERT_TRUE(fresh_.List("e", &attrs));
  AttrChange change;
  change.mtime_ns = 0;
  ASSERT_EQ(mount_.SetAttr("e/" + ManyNames(0), change), 0);
  ASSERT_TRUE(mount_.fs().FlushAll(std::chrono::seconds(20)).empty());
  clock_.Advance(std::chrono::seconds(100));
  ASSERT_TRUE(fresh_.List("e"));
  store_->ResetCounts();
  const auto mode = [&](size_t file) {
    const Ino ino = attrs[ManyNames(file)].ino;
    const auto known = fresh_.fs().TryGetAttr(ino, std::nullopt);
    return (known ? *known : fresh_.fs().GetAttr(ino, std::nullopt))->attr.mode & 07777;
  };
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(mode(i), 0640u);
  EXPECT_TRUE(HeadsReach(1 + 1 + 8)) << Heads();
  for (size_t i = 0; i < kFiles; ++i) EXPECT_EQ(mode(i), 0640u);
  EXPECT_EQ(Heads(), kFiles);
}

TEST_F(MarkedDirectory, AListingWithAttributesAsksForEachOnce) {
  std::map<std::string, Attr> attrs;
  EXPECT_EQ(fresh_.List("d", &attrs)->size(), kFiles);
  ASSERT_EQ(attrs.size(), kFiles);
  for (const auto& [name, attr] : attrs) EXPECT_EQ(attr.mode & 07777, 0640u) << name;
  EXPECT_EQ(attrs[ManyNames(0)].uid, 77u);
  EXPECT_EQ(Heads(), kFiles);
  // Another one from the start, while all is fresh.
  EXPECT_EQ(fresh_.List("d", &attrs)->size(), kFiles);
  EXPECT_EQ(Heads(), kFiles);
}

TEST_F(MarkedDirectory, ManyAtOnceAskForEachOnce) {
  ASSERT_TRUE(fresh_.List("d"));
  store_->SetLatency(std::chrono::milliseconds(1));
  std::vector<std::thread> threads;
  for (size_t thread = 0; thread < 8; ++thread)
    threads.emplace_back([this, thread] {
      for (size_t i = 0; i < kFiles; ++i) {
        const size_t file = (i * 7 + thread * 61) % kFiles;  // each in an order of its own
        EXPECT_EQ(fresh_.Stat(Path(file))->mode & 07777, 0640u);
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Heads(), kFiles);
}

TEST_F(MarkedDirectory, AFileThatIsRemovedMeanwhileIsNoTrouble) {
  ASSERT_TRUE(fresh_.List("d"));
  for (size_t i = 10; i < 20; ++i) EXPECT_TRUE(store_->Delete(Path(i)));
  std::map<std::string, Attr> attrs;
  EXPECT_EQ(fresh_.List("d", &attrs)->size(), kFiles) << "the listing is believed";
  EXPECT_EQ(attrs[ManyNames(9)].mode & 07777, 0640u);
}

}  // namespace
}  // namespace ossfs2::test
