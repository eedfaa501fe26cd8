// Another host replaces or removes an object that is believed here: no mix of versions, and the next open sees what is
// there.
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

class ReplacedElsewhere : public ::testing::Test {
 protected:
  int ErrnoOfGet(const std::string& path) {
    const Result<std::string> text = mount_.Get(path);
    return text ? 0 : text.error().errno_value;
  }

  FakeClock clock_;
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  TestMount mount_{*store_, {}, clock_};
};

TEST_F(ReplacedElsewhere, CopyFileRangeNeverMixesVersions) {
  constexpr size_t kHalf = 2u << 20;
  store_->PutContent("source", std::string(2 * kHalf, 'a'));
  const HandleId source = *mount_.OpenPath("source", O_RDONLY);
  const HandleId target = *mount_.OpenPath("target", O_WRONLY | O_CREAT);
  EXPECT_EQ(*mount_.fs().CopyFileRange(source, 0, target, 0, kHalf), kHalf);
  store_->PutContent("source", std::string(kHalf + 1, 'b'));
  clock_.Advance(std::chrono::seconds(61));
  EXPECT_EQ(mount_.Stat("source")->size, kHalf + 1);
  const Result<size_t> rest = mount_.fs().CopyFileRange(source, kHalf, target, kHalf, kHalf);
  EXPECT_EQ(rest ? 0 : rest.error().errno_value, ESTALE);
  mount_.Close(source);
  EXPECT_EQ(mount_.Close(target), 0);
  EXPECT_EQ(store_->Content("target"), std::string(kHalf, 'a'));
}

TEST_F(ReplacedElsewhere, TheNextOpenAfterARefusedReadSeesTheNewVersion) {
  store_->PutContent("f", "old");
  mount_.InoOf("f");
  store_->PutContent("f", "newer");
  EXPECT_EQ(ErrnoOfGet("f"), ESTALE) << "the version that was believed is gone";
  const Result<std::string> text = mount_.Get("f");
  EXPECT_EQ(text ? *text : "", "newer") << "and is not believed any more";
}

TEST_F(ReplacedElsewhere, TheNextOpenAfterAReadThatFoundNothingIsRefused) {
  store_->PutContent("f", "old");
  mount_.InoOf("f");
  EXPECT_TRUE(store_->Delete("f"));
  EXPECT_EQ(ErrnoOfGet("f"), ESTALE);
  EXPECT_EQ(ErrnoOfGet("f"), ENOENT);
}

TEST_F(ReplacedElsewhere, TheNextCopyAfterARefusedOneSeesTheNewVersion) {
  store_->PutContent("source", std::string(3u << 20, 'a'));
  const HandleId target = *mount_.OpenPath("target", O_WRONLY | O_CREAT);
  HandleId source = *mount_.OpenPath("source", O_RDONLY);
  const std::string newer(2u << 20, 'b');
  store_->PutContent("source", newer);
  EXPECT_FALSE(mount_.fs().CopyFileRange(source, 0, target, 0, 3u << 20));
  mount_.Close(source);
  mount_.Close(target);
  source = *mount_.OpenPath("source", O_RDONLY);
  const HandleId again = *mount_.OpenPath("again", O_WRONLY | O_CREAT);
  const Result<size_t> copied = mount_.fs().CopyFileRange(source, 0, again, 0, 3u << 20);
  EXPECT_EQ(copied ? *copied : 0, newer.size());
  mount_.Close(source);
  EXPECT_EQ(mount_.Close(again), 0);
  EXPECT_EQ(store_->Content("again"), newer);
}

// What the file keeps for its handles without the name is the new version, which this handle never opened.
TEST_F(ReplacedElsewhere, AHandleOfBeforeReadsNothingWhenTheNewVersionLosesItsNameHere) {
  for (const bool removed : {true, false}) {
    for (const size_t bytes : {size_t{10}, size_t{3} << 20}) {  // fetched, or parked in the bucket
      store_->PutContent("f", std::string(bytes, 'a'));
      store_->PutContent("other", "other");
      const HandleId before = *mount_.OpenPath("f", O_RDONLY);
      EXPECT_EQ(*mount_.Read(before, 0, 1), "a");
      store_->PutContent("f", std::string(bytes + 1, 'b'));
      clock_.Advance(std::chrono::seconds(61));
      const HandleId after = *mount_.OpenPath("f", O_RDONLY);
      ASSERT_EQ(removed ? mount_.Unlink("f") : mount_.Rename("other", "f"), 0);
      const Result<std::string> read = mount_.Read(before, 0, 1);
      EXPECT_EQ(read ? 0 : read.error().errno_value, ESTALE) << bytes << " bytes, removed: " << removed;
      EXPECT_EQ(*mount_.Read(after, 0, 1), "b");
      for (const HandleId handle : {before, after}) mount_.Close(handle);
      clock_.Advance(std::chrono::seconds(61));
    }
  }
}

TEST_F(ReplacedElsewhere, AHandleOfBeforeReadsNothingOfWhatIsWrittenOverTheNewVersion) {
  store_->PutContent("f", "old");
  const HandleId before = *mount_.OpenPath("f", O_RDONLY);
  EXPECT_EQ(*mount_.Read(before, 0, 10), "old");
  store_->PutContent("f", "newer");
  clock_.Advance(std::chrono::seconds(61));
  const HandleId writer = *mount_.OpenPath("f", O_RDWR);
  EXPECT_TRUE(mount_.Write(writer, 0, "N"));
  EXPECT_EQ(*mount_.Read(writer, 0, 10), "Newer");
  const Result<std::string> read = mount_.Read(before, 0, 10);
  EXPECT_EQ(read ? 0 : read.error().errno_value, ESTALE);
  mount_.Close(before);
  EXPECT_EQ(mount_.Close(writer), 0);
}

// It may have read the old version all the same, from the page cache.
TEST_F(ReplacedElsewhere, AHandleWhoseFirstReadComesAfterTheNewVersionWasSeenIsRefused) {
  store_->PutContent("f", "old");
  const HandleId before = *mount_.OpenPath("f", O_RDONLY);
  store_->PutContent("f", "newer");
  clock_.Advance(std::chrono::seconds(61));
  EXPECT_EQ(mount_.Stat("f")->size, 5u);
  const HandleId after = *mount_.OpenPath("f", O_RDONLY);
  EXPECT_EQ(*mount_.Read(after, 0, 10), "newer");
  const Result<std::string> read = mount_.Read(before, 0, 10);
  EXPECT_EQ(read ? 0 : read.error().errno_value, ESTALE);
  EXPECT_EQ(mount_.Put("f", "ours"), 0);
  EXPECT_EQ(*mount_.Read(after, 0, 10), "ours");
  const Result<std::string> again = mount_.Read(before, 0, 10);
  EXPECT_EQ(again ? 0 : again.error().errno_value, ESTALE) << "for good";
  mount_.Close(before);
  mount_.Close(after);
}

// The kernel answers reads behind the size that it believes without a READ; before that it asks for the attributes by
// the handle, once they are no longer valid.
TEST_F(ReplacedElsewhere, TheKernelAsksByTheOldHandleBeforeItTakesTheNewEndForTheEnd) {
  store_->PutContent("f", "long old");
  const HandleId before = *mount_.OpenPath("f", O_RDONLY);
  const Ino ino = mount_.InoOf("f");
  EXPECT_GT(mount_.fs().GetAttr(ino, before)->valid_s, 0);
  store_->PutContent("f", "new");
  clock_.Advance(std::chrono::seconds(61));
  const HandleId after = *mount_.OpenPath("f", O_RDONLY);
  const Result<AttrReply> attr = mount_.fs().GetAttr(ino, after);
  EXPECT_EQ(attr->attr.size, 3u);
  EXPECT_EQ(attr->valid_s, 0);
  EXPECT_EQ(mount_.Find("f")->attr_valid_s, 0);
  for (const bool at_once : {true, false}) {
    const Result<AttrReply> old = at_once ? *mount_.fs().TryGetAttr(ino, before) : mount_.fs().GetAttr(ino, before);
    EXPECT_EQ(old ? 0 : old.error().errno_value, ESTALE);
  }
  mount_.Close(before);
  mount_.Close(after);
  EXPECT_GT(mount_.Find("f")->attr_valid_s, 0) << "no handle is left that read the old version";
}

// It waits for the kernel to drop pages. What is shown meanwhile?
class SlowKernel final : public RecordingNotifier {
 public:
  explicit SlowKernel(std::function<void()> meanwhile) : meanwhile_(std::move(meanwhile)) {}
  bool AwaitInode(Ino) override {
    meanwhile_();
    return true;
  }

 private:
  const std::function<void()> meanwhile_;
};

TEST_F(ReplacedElsewhere, ALongerSizeIsShownWhenTheKernelHasDroppedTheOldPages) {
  store_->PutContent("f", "old");
  const Ino ino = mount_.InoOf("f");
  std::vector<uint64_t> shown;
  SlowKernel kernel([&] { shown.push_back((*mount_.fs().TryGetAttr(ino, std::nullopt))->attr.size); });
  mount_.fs().SetNotifier(&kernel);
  const auto replace = [&](const std::string& text) {
    store_->PutContent("f", text);
    clock_.Advance(std::chrono::seconds(61));
    EXPECT_EQ(mount_.Stat("f")->size, text.size());
  };
  replace("nobody has it open");
  replace("old");
  const HandleId before = *mount_.OpenPath("f", O_RDONLY);
  replace("longer");
  EXPECT_EQ(shown, std::vector<uint64_t>{3});
  replace("short");
  EXPECT_EQ(shown.size(), 1u) << "the kernel cuts its pages itself";
  mount_.Close(before);
  mount_.fs().SetNotifier(nullptr);
}

TEST_F(ReplacedElsewhere, WhatIsStoredHereWhileTheKernelDropsOldPagesHasItsOwnSize) {
  store_->PutContent("f", "old");
  const Ino ino = mount_.InoOf("f");
  const HandleId writer = *mount_.OpenPath("f", O_RDWR);
  std::vector<uint64_t> shown;
  SlowKernel kernel([&] {
    AttrChange empty;
    empty.size = 0;
    EXPECT_TRUE(mount_.fs().SetAttr(ino, empty, writer));
    EXPECT_TRUE(mount_.Write(writer, 0, "longest"));
    EXPECT_TRUE(mount_.fs().Flush(writer));
    shown.push_back((*mount_.fs().TryGetAttr(ino, std::nullopt))->attr.size);
  });
  mount_.fs().SetNotifier(&kernel);
  store_->PutContent("f", "newer");
  clock_.Advance(std::chrono::seconds(61));
  EXPECT_EQ(mount_.Stat("f")->size, 7u);
  EXPECT_EQ(shown, std::vector<uint64_t>{7});
  mount_.Close(writer);
  mount_.fs().SetNotifier(nullptr);
}

TEST_F(ReplacedElsewhere, ARenameTakesTheAttributesOfTheVersionThatItMoves) {
  store_->PutContent("f", "old", {{"author", "before"}, {"mode", "33188"}});
  EXPECT_EQ(mount_.Stat("f")->mode & 07777, 0644u);
  store_->PutContent("f", "newer", {{"author", "after"}, {"mode", "33184"}});
  EXPECT_EQ(mount_.Rename("f", "g"), 0);
  EXPECT_EQ(mount_.Stat("g")->mode & 07777, 0640u);
  AttrChange owner;
  owner.uid = 7;
  EXPECT_EQ(mount_.SetAttr("g", owner), 0);
  EXPECT_TRUE(mount_.fs().FlushAll(std::chrono::seconds(20)).empty());
  EXPECT_EQ(store_->MetadataOf("g")->at("author"), "after");
  EXPECT_EQ(store_->MetadataOf("g")->at("mode"), "33184");
}

// Changed attributes give no new ETag.
class ChangedElsewhere : public ::testing::Test {
 protected:
  // Stores a file here, and lets another host choose its mode and an extended attribute some time later.
  void ChangeAfter(int seconds) {
    EXPECT_EQ(here_.Put("d/f", "text"), 0);
    clock_.Advance(std::chrono::seconds(seconds));
    TestMount there(*store_, {}, clock_);
    AttrChange change;
    change.mode = 0600;
    EXPECT_EQ(there.SetAttr("d/f", change), 0);
    EXPECT_TRUE(there.fs().SetXattr(there.InoOf("d/f"), "user.theirs", "kept", 0));
    EXPECT_TRUE(there.fs().FlushAll(std::chrono::seconds(20)).empty());
    clock_.Advance(std::chrono::seconds(61));
  }

  FakeClock clock_;
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore(clock_);
  TestMount here_{*store_, {}, clock_};
};

TEST_F(ChangedElsewhere, AttributesOfAFileThatWasStoredHereAreSeenAndKept) {
  EXPECT_EQ(here_.Mkdir("d"), 0);
  ChangeAfter(0);
  EXPECT_EQ(here_.Stat("d/f")->mode & 07777, 0600u);
  AttrChange owner;
  owner.uid = 7;
  EXPECT_EQ(here_.SetAttr("d/f", owner), 0);
  EXPECT_TRUE(here_.fs().FlushAll(std::chrono::seconds(20)).empty());
  EXPECT_EQ(store_->MetadataOf("d/f")->at("mode"), "33152");
  EXPECT_TRUE(store_->MetadataOf("d/f")->contains("xattr"));
}

TEST_F(ChangedElsewhere, AListingTellsOfThem) {
  EXPECT_EQ(here_.Mkdir("d"), 0);
  ChangeAfter(10);
  EXPECT_EQ(here_.List("d")->size(), 1u);
  EXPECT_EQ(here_.Stat("d/f")->mode & 07777, 0600u);
}

TEST_F(ChangedElsewhere, WhatIsKnownHereOnlyStays) {
  EXPECT_EQ(here_.Mkdir("d"), 0);
  auto made = here_.fs().Create(here_.InoOf("d"), "f", 0600, O_WRONLY, Caller{0, 0, 0});
  for (int piece = 0; piece < 12; ++piece) {
    EXPECT_TRUE(here_.Write(made->second.handle, static_cast<uint64_t>(piece) << 20, std::string(1u << 20, 'x')));
    clock_.Advance(std::chrono::seconds(1));
  }
  EXPECT_EQ(here_.Close(made->second.handle), 0);
  AttrChange read;
  read.atime_ns = 1'600'000'000'000'000'000;
  EXPECT_EQ(here_.SetAttr("d/f", read), 0);
  const Attr before = *here_.Stat("d/f");
  clock_.Advance(std::chrono::seconds(61));
  const Attr after = *here_.Stat("d/f");
  EXPECT_EQ(after.mtime_ns, before.mtime_ns);
  EXPECT_EQ(after.atime_ns, before.atime_ns);
  EXPECT_EQ(after.mode, before.mode);
}

}  // namespace
}  // namespace ossfs2::test
