// Attributes that cannot be stored: what is refused for good is not shown for ever, and what may still go is kept.
#include <chrono>
#include <thread>

#include "base/report/metrics.h"
#include "oss/fakes/fault_store.h"
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

uint64_t RefusedMarks() { return Registry::Default().counter("attribute_marks_refused_total", "").Value(); }

class AttributeFaults : public ::testing::Test {
 protected:
  void Fail(const std::string& operation, int errno_value, ErrorKind kind, bool retryable = false, int count = 1) {
    oss::FaultRule rule;
    rule.operation = operation;
    rule.count = count;
    rule.error = MakeError(errno_value, kind, "injected");
    rule.error.retryable = retryable;
    faults_->AddRule(rule);
  }
  static AttrChange Mode(uint32_t mode) {
    AttrChange change;
    change.mode = mode;
    return change;
  }
  uint32_t ModeOf(const std::string& path) { return mount_.Stat(path)->mode & 07777; }
  int Fsync(const std::string& path) {
    const HandleId handle = *mount_.OpenPath(path, O_RDONLY);
    const int synced = ErrnoOf(mount_.fs().Fsync(handle));
    mount_.Close(handle);
    return synced;
  }

  FakeClock clock_;
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  std::unique_ptr<oss::FaultStore> faults_ = oss::MakeFaultStore(*store_);
  TestMount mount_{*faults_, {}, clock_};
};

TEST_F(AttributeFaults, WhatIsRefusedForGoodShowsWhatIsStored) {
  store_->PutContent("f", "text", {{"mode", "33188"}, {"author", "me"}, {"ossfs2-attrs", "1"}, {"mtime", "1000"}});
  const Ino ino = mount_.InoOf("f");
  const auto before = mount_.Stat("f");
  AttrChange change = Mode(0600);
  change.mtime_ns = 5'000'000'000;
  ASSERT_EQ(mount_.SetAttr("f", change), 0);
  ASSERT_TRUE(mount_.fs().SetXattr(ino, "user.a", "1", 0));
  EXPECT_EQ(ModeOf("f"), 0600u);
  Fail("copy", EACCES, ErrorKind::kAccessDenied);
  EXPECT_EQ(Fsync("f"), EACCES);
  EXPECT_EQ(ModeOf("f"), before->mode & 07777);
  EXPECT_EQ(mount_.Stat("f")->mtime_ns, before->mtime_ns);
  EXPECT_TRUE(mount_.fs().ListXattr(ino)->empty());
  EXPECT_EQ(mount_.notifier.attributes(), std::vector<Ino>{ino});
  store_->ResetCounts();
  EXPECT_TRUE(mount_.fs().FlushAll(std::chrono::seconds(20)).empty());
  EXPECT_EQ(CountAll(*store_), 0u) << "nothing waits to be stored";
  ASSERT_EQ(mount_.SetAttr("f", Mode(0600)), 0);
  EXPECT_EQ(Fsync("f"), 0);
  EXPECT_EQ((*store_->MetadataOf("f"))["mode"], "33152");
  EXPECT_EQ((*store_->MetadataOf("f"))["author"], "me");
}

TEST_F(AttributeFaults, ADelayedSaveGivesUpToo) {
  store_->PutContent("f", "text");
  const uint32_t usual = ModeOf("f");
  ASSERT_EQ(mount_.SetAttr("f", Mode(0600)), 0);
  Fail("copy", EACCES, ErrorKind::kAccessDenied);
  clock_.Advance(std::chrono::seconds(3));
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (ModeOf("f") == 0600 && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(ModeOf("f"), usual);
}

TEST_F(AttributeFaults, OfADirectoryAndOfALink) {
  ASSERT_EQ(mount_.Mkdir("d"), 0);
  ASSERT_EQ(mount_.Symlink("elsewhere", "l"), 0);
  const uint32_t usual = ModeOf("d");
  AttrChange owner;
  owner.uid = 4321;
  ASSERT_EQ(mount_.SetAttr("d", Mode(0700)), 0);
  ASSERT_EQ(mount_.SetAttr("l", owner), 0);
  for (const char* operation : {"put", "symlink"}) Fail(operation, EACCES, ErrorKind::kAccessDenied, false, -1);
  EXPECT_EQ(mount_.fs().FlushAll(std::chrono::seconds(20)).size(), 2u);
  EXPECT_EQ(ModeOf("d"), usual);
  EXPECT_NE(mount_.Stat("l")->uid, 4321u);
  EXPECT_EQ(*mount_.fs().ReadLink(mount_.InoOf("l")), "elsewhere");
  EXPECT_TRUE(mount_.fs().FlushAll(std::chrono::seconds(20)).empty());
}

TEST_F(AttributeFaults, WhatMayStillGoIsKept) {
  store_->PutContent("f", "text");
  ASSERT_EQ(mount_.SetAttr("f", Mode(0600)), 0);
  Fail("copy", EIO, ErrorKind::kUnavailable, true);
  EXPECT_EQ(Fsync("f"), EIO);
  EXPECT_EQ(ModeOf("f"), 0600u);
  EXPECT_EQ(Fsync("f"), 0);
  EXPECT_EQ((*store_->MetadataOf("f"))["mode"], "33152");
}

TEST_F(AttributeFaults, AChangeThatComesMeanwhileIsTried) {
  store_->PutContent("f", "text");
  ASSERT_EQ(mount_.SetAttr("f", Mode(0600)), 0);
  Fail("copy", EACCES, ErrorKind::kAccessDenied);
  oss::FaultRule rule;  // while it is asked what is stored
  rule.operation = "head";
  rule.meanwhile = [this] { EXPECT_EQ(mount_.SetAttr("f", Mode(0640)), 0); };
  faults_->AddRule(rule);
  EXPECT_EQ(Fsync("f"), EACCES);
  EXPECT_EQ(ModeOf("f"), 0640u);
  EXPECT_EQ(Fsync("f"), 0);
  EXPECT_EQ((*store_->MetadataOf("f"))["mode"], "33184");
}

// A policy may allow the files of a folder, and not the object "folder/".
class RefusedMarker : public AttributeFaults {
 protected:
  RefusedMarker() { store_->PutContent("d/old", "text"); }
  void RefuseMarker(ErrorKind kind = ErrorKind::kAccessDenied) {
    Fail("put", kind == ErrorKind::kAccessDenied ? EACCES : EIO, kind);
    mount_.InoOf("d");
  }
  int MakePrivate(const std::string& path) {
    const HandleId handle = *mount_.OpenPath(path, O_WRONLY | O_CREAT, 0600);
    EXPECT_TRUE(mount_.Write(handle, 0, "data"));
    return mount_.Close(handle);
  }
  uint64_t PutsOf(const std::string& path) {
    const uint64_t before = store_->Requests()["put"] + faults_->FaultsInjected();
    EXPECT_EQ(MakePrivate(path), 0);
    return store_->Requests()["put"] + faults_->FaultsInjected() - before;
  }
  bool IsMarked() { return store_->MetadataOf("d/") && store_->MetadataOf("d/")->contains("ossfs2-attrs"); }
};

TEST_F(RefusedMarker, DataIsStoredAllTheSame) {
  RefuseMarker();
  const uint64_t counted = RefusedMarks();
  ASSERT_EQ(MakePrivate("d/f"), 0);
  EXPECT_EQ(store_->Content("d/f"), "data");
  EXPECT_EQ((*store_->MetadataOf("d/f"))["mode"], "33152") << "for whoever asks the object";
  EXPECT_EQ(ModeOf("d/f"), 0600u);
  EXPECT_EQ(RefusedMarks(), counted + 1);
  EXPECT_FALSE(IsMarked());
}

TEST_F(RefusedMarker, IsNotAskedForWithEachFile) {
  RefuseMarker();
  EXPECT_EQ(PutsOf("d/f"), 2u);
  EXPECT_EQ(PutsOf("d/g"), 1u);
  EXPECT_FALSE(IsMarked());
  clock_.Advance(std::chrono::minutes(11));
  EXPECT_EQ(PutsOf("d/h"), 2u) << "somebody may have given the right";
  EXPECT_TRUE(IsMarked());
  EXPECT_EQ(PutsOf("d/i"), 1u);
}

TEST_F(RefusedMarker, AFileMovesIn) {
  store_->PutContent("f", "text");
  ASSERT_EQ(mount_.SetAttr("f", Mode(0600)), 0);
  EXPECT_EQ(Fsync("f"), 0);
  RefuseMarker();
  ASSERT_EQ(mount_.Rename("f", "d/f"), 0);
  EXPECT_EQ(store_->Content("d/f"), "text");
  EXPECT_EQ((*store_->MetadataOf("d/f"))["mode"], "33152");
}

// As editors save, and rsync.
TEST_F(RefusedMarker, APrivateFileReplacesAnother) {
  RefuseMarker();
  EXPECT_EQ(MakePrivate("d/.old.tmp"), 0);
  EXPECT_EQ(mount_.Rename("d/.old.tmp", "d/old"), 0);
  EXPECT_EQ(store_->Content("d/old"), "data");
}

// It may go with the next try, and then nothing is missing.
TEST_F(RefusedMarker, AServiceThatDoesNotAnswerIsAnErrorOfTheClose) {
  RefuseMarker(ErrorKind::kUnavailable);
  EXPECT_EQ(MakePrivate("d/f"), EIO);
  EXPECT_EQ(MakePrivate("d/f"), 0);
  EXPECT_TRUE(IsMarked());
}

// Who changes attributes only is told that they are not kept.
TEST_F(RefusedMarker, AChangeOfAttributesAloneFails) {
  RefuseMarker();
  ASSERT_EQ(mount_.SetAttr("d/old", Mode(0600)), 0);
  EXPECT_EQ(Fsync("d/old"), EACCES);
}

}  // namespace
}  // namespace ossfs2::test
