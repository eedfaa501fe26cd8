// Every request of a rename may fail: the source stays, no made-up file appears, handles go on, and a repeat succeeds.
#include <chrono>
#include <thread>

#include "oss/fakes/fault_store.h"
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

using Names = std::vector<std::string>;

class RenameFaults : public ::testing::Test {
 protected:
  static Error Refused() {
    Error error = MakeError(EACCES, ErrorKind::kAccessDenied, "refused");
    error.http_status = 403;
    return error;
  }
  void Fail(const std::string& operation, const std::string& key_part, Error error, int count = 1) {
    oss::FaultRule rule;
    rule.operation = operation;
    rule.key_part = key_part;
    rule.error = std::move(error);
    rule.count = count;
    faults_->AddRule(rule);
  }
  void LoseAnswer(const std::string& operation, const std::string& key_part) {
    oss::FaultRule rule;
    rule.operation = operation;
    rule.key_part = key_part;
    rule.error = MakeError(EIO, ErrorKind::kUnavailable, "lost");
    rule.after_effect = true;
    faults_->AddRule(rule);
  }
  void WrongCrc(const std::string& operation, const std::string& key_part) {
    oss::FaultRule rule;
    rule.operation = operation;
    rule.key_part = key_part;
    rule.wrong_crc64 = true;
    faults_->AddRule(rule);
  }
  void Meanwhile(const std::string& operation, const std::string& key_part, std::function<void()> work, int skip = 0) {
    oss::FaultRule rule;
    rule.skip = skip;
    rule.operation = operation;
    rule.key_part = key_part;
    rule.meanwhile = std::move(work);
    faults_->AddRule(rule);
  }
  // Known with its CRC64, as after a look-up by name.
  void Make(const std::string& key, const std::string& text) {
    store_->PutContent(key, text);
    ASSERT_NE(mount_.InoOf(key), 0u);
  }
  // The key's own bytes go through the mount too.
  void ExpectFile(const std::string& path, const std::string& text) {
    EXPECT_EQ(store_->Content(path), text);
    const auto read = mount_.Get(path);
    ASSERT_TRUE(read) << path << ": " << read.error().ToString();
    EXPECT_EQ(*read, text);
  }
  // A parked copy goes soon after the last close.
  void ExpectKeys(const Names& keys) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (store_->Keys() != keys && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    EXPECT_EQ(store_->Keys(), keys);
  }
  void ExpectNone(const std::string& path) {
    EXPECT_FALSE(store_->Content(path)) << path;
    EXPECT_EQ(mount_.Stat(path).error().errno_value, ENOENT) << path;
  }

  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  std::unique_ptr<oss::FaultStore> faults_ = oss::MakeFaultStore(*store_);
  TestMount mount_{*faults_};
};

TEST_F(RenameFaults, ACopyThatIsNotProvenLeavesNoTarget) {
  Make("f", "text");
  WrongCrc("copy", "g");
  EXPECT_EQ(mount_.Rename("f", "g"), EIO);
  ExpectFile("f", "text");
  ExpectNone("g");
  EXPECT_EQ(mount_.Rename("f", "g"), 0);
  ExpectFile("g", "text");
  ExpectNone("f");
}

TEST_F(RenameFaults, HandlesOfATargetGoOnAfterACopyThatIsNotProven) {
  Make("f", "text");
  Make("g", std::string(2 << 20, 'o'));  // parked, not fetched
  const HandleId handle = *mount_.OpenPath("g", O_RDONLY);
  WrongCrc("copy", "g");
  EXPECT_EQ(mount_.Rename("f", "g"), EIO);
  const auto read = mount_.Read(handle, 0, 4);
  ASSERT_TRUE(read) << read.error().ToString();
  EXPECT_EQ(*read, "oooo");
  ExpectFile("f", "text");
  ExpectNone("g");
  EXPECT_EQ(mount_.notifier.names(), Names{"g"});
  mount_.Close(handle);
  EXPECT_EQ(mount_.Rename("f", "g"), 0);
  ExpectFile("g", "text");
  ExpectKeys({"g"});
}

TEST_F(RenameFaults, HandlesOfATargetGoOnAfterACopyWhoseAnswerIsLost) {
  Make("f", "text");
  Make("g", std::string(2 << 20, 'o'));
  const HandleId handle = *mount_.OpenPath("g", O_RDONLY);
  LoseAnswer("copy", "g");
  EXPECT_EQ(mount_.Rename("f", "g"), EIO);
  const auto read = mount_.Read(handle, 0, 4);
  ASSERT_TRUE(read) << read.error().ToString();
  EXPECT_EQ(*read, "oooo");
  ExpectFile("f", "text");
  ExpectFile("g", "text");
  mount_.Close(handle);
  EXPECT_EQ(mount_.Rename("f", "g"), 0);
  ExpectKeys({"g"});
}

TEST_F(RenameFaults, ADirectoryKeepsItsFilesAfterACopyThatIsNotProven) {
  for (const char* key : {"d/a", "d/c"}) Make(key, key);
  ASSERT_EQ(mount_.Put("d/b", std::string(3 << 20, 'b')), 0);  // sent in parts: its copy has another ETag
  WrongCrc("copy", "e/b");
  EXPECT_EQ(mount_.Rename("d", "e"), EIO);
  EXPECT_EQ(store_->Keys(), (Names{"d/a", "d/b", "d/c"}));
  EXPECT_EQ(mount_.Rename("d", "e"), 0);
  EXPECT_EQ(store_->Keys(), (Names{"e/a", "e/b", "e/c"}));
}

TEST_F(RenameFaults, AttributesThatAreNotProvenAreAnError) {
  Make("f", "text");
  AttrChange change;
  change.mode = 0600;
  const HandleId handle = *mount_.OpenPath("f", O_RDWR);
  ASSERT_EQ(mount_.SetAttr("f", change), 0);
  WrongCrc("copy", "f");
  EXPECT_EQ(ErrnoOf(mount_.fs().Fsync(handle)), EIO);
  EXPECT_EQ(ErrnoOf(mount_.fs().Fsync(handle)), 0);
  mount_.Close(handle);
  ExpectFile("f", "text");
}

TEST_F(RenameFaults, ARefusedCopyChangesNothing) {
  Make("f", "text");
  Make("g", std::string(2 << 20, 'o'));
  const Ino target = mount_.InoOf("g");
  const HandleId reader = *mount_.OpenPath("g", O_RDONLY);
  const HandleId source = *mount_.OpenPath("f", O_RDWR);
  oss::FaultRule rule;
  rule.operation = "copy";
  rule.skip = 1;  // the parked one
  rule.error = Refused();
  faults_->AddRule(rule);
  EXPECT_EQ(mount_.Rename("f", "g"), EACCES);
  EXPECT_EQ(mount_.InoOf("g"), target);
  EXPECT_EQ(mount_.Stat("g")->nlink, 1u);
  EXPECT_EQ(*mount_.Read(reader, 0, 4), "oooo");
  EXPECT_EQ(store_->Keys(), (Names{"f", "g"}));
  ASSERT_TRUE(mount_.Write(source, 0, "more"));
  EXPECT_EQ(mount_.Rename("f", "g"), 0);
  EXPECT_EQ(*mount_.Read(reader, 0, 4), "oooo");
  mount_.Close(reader);
  mount_.Close(source);
  ExpectFile("g", "more");
  ExpectNone("f");
}

TEST_F(RenameFaults, ARefusedDeleteTakesTheCopyBack) {
  Make("f", "text");
  Fail("delete", "f", Refused());
  EXPECT_EQ(mount_.Rename("f", "g"), EACCES);
  ExpectFile("f", "text");
  ExpectNone("g");
  EXPECT_EQ(mount_.Rename("f", "g"), 0);
  ExpectFile("g", "text");
  ExpectNone("f");
}

TEST_F(RenameFaults, ACopyThatCannotBeTakenBackIsSeen) {
  Make("f", "text");
  EXPECT_EQ(mount_.Stat("g").error().errno_value, ENOENT);
  Fail("delete", "", Refused(), 2);
  EXPECT_EQ(mount_.Rename("f", "g"), EACCES);
  ExpectFile("f", "text");
  ExpectFile("g", "text");
  EXPECT_EQ(mount_.Rename("f", "g"), 0);
  ExpectFile("g", "text");
  ExpectNone("f");
}

TEST_F(RenameFaults, ADeleteThatMayStillBeDoneTakesNothingBack) {
  Make("f", "text");
  Fail("delete", "f", MakeError(EIO, ErrorKind::kUnavailable, "no answer"));
  EXPECT_EQ(mount_.Rename("f", "g"), EIO);
  EXPECT_EQ(store_->Content("g"), "text");
  ExpectFile("f", "text");
}

TEST_F(RenameFaults, ADeleteThatWasDoneIsASuccess) {
  Make("f", "text");
  const HandleId handle = *mount_.OpenPath("f", O_RDONLY);
  LoseAnswer("delete", "f");
  EXPECT_EQ(mount_.Rename("f", "g"), 0);
  EXPECT_EQ(*mount_.Read(handle, 0, 10), "text");
  mount_.Close(handle);
  ExpectFile("g", "text");
  ExpectNone("f");
}

TEST_F(RenameFaults, ACopyThatAnotherHostReplacedIsNotTakenBack) {
  Make("f", "text");
  Fail("delete", "f", Refused());
  Meanwhile("head", "g", [this] { store_->PutContent("g", "theirs"); }, 1);  // the first one asks for the target
  EXPECT_EQ(mount_.Rename("f", "g"), EACCES);
  ExpectFile("f", "text");
  ExpectFile("g", "theirs");
}

TEST_F(RenameFaults, ARefusedDeleteWithAnOpenTarget) {
  Make("f", "text");
  Make("g", std::string(2 << 20, 'o'));
  const HandleId reader = *mount_.OpenPath("g", O_RDONLY);
  Fail("delete", "f", Refused());
  EXPECT_EQ(mount_.Rename("f", "g"), EACCES);
  EXPECT_EQ(*mount_.Read(reader, 0, 4), "oooo") << "its object is replaced";
  ExpectFile("f", "text");
  ExpectFile("g", "text");
  EXPECT_EQ(mount_.Rename("f", "g"), 0);
  mount_.Close(reader);
  ExpectFile("g", "text");
  ExpectKeys({"g"});
}

TEST_F(RenameFaults, ASourceThatChangesTwiceStays) {
  Make("f", "text");
  Meanwhile("copy", "g", [this] { store_->PutContent("f", "second"); });
  Meanwhile("copy", "g", [this] { store_->PutContent("f", "third"); });
  EXPECT_EQ(mount_.Rename("f", "g"), ESTALE);
  EXPECT_EQ(store_->Content("f"), "third");
  EXPECT_FALSE(store_->Content("g"));
}

TEST_F(RenameFaults, ALinkStaysWhereItIs) {
  ASSERT_EQ(mount_.Symlink("elsewhere", "l"), 0);
  Fail("copy", "m", Refused());
  EXPECT_EQ(mount_.Rename("l", "m"), EACCES);
  Fail("delete", "l", Refused());
  EXPECT_EQ(mount_.Rename("l", "m"), EACCES);
  EXPECT_EQ(store_->Keys(), Names{"l"});
  EXPECT_EQ(*mount_.fs().ReadLink(mount_.InoOf("l")), "elsewhere");
  EXPECT_EQ(mount_.Rename("l", "m"), 0);
  EXPECT_EQ(*mount_.fs().ReadLink(mount_.InoOf("m")), "elsewhere");
  EXPECT_EQ(store_->Keys(), Names{"m"});
}

TEST_F(RenameFaults, ALinkWhoseDeleteWasDoneIsMoved) {
  ASSERT_EQ(mount_.Symlink("elsewhere", "l"), 0);
  LoseAnswer("delete", "l");
  EXPECT_EQ(mount_.Rename("l", "m"), 0);
  EXPECT_EQ(store_->Keys(), Names{"m"});
  EXPECT_EQ(*mount_.fs().ReadLink(mount_.InoOf("m")), "elsewhere");
}

TEST_F(RenameFaults, AFlagWithoutAnAnswerStopsBeforeTheCopy) {
  store_->PutContent("d/x", "");
  Make("f", "text");
  AttrChange change;
  change.mode = 0600;
  ASSERT_EQ(mount_.SetAttr("f", change), 0);
  Fail("put", "d/", MakeError(EIO, ErrorKind::kUnavailable, "no answer"));
  EXPECT_EQ(mount_.Rename("f", "d/g"), EIO);
  EXPECT_FALSE(store_->Content("d/g"));
  EXPECT_EQ(mount_.Rename("f", "d/g"), 0);
  EXPECT_EQ(mount_.Stat("d/g")->mode & 07777, 0600u);
}

TEST_F(RenameFaults, AMarkerThatIsRefusedStopsBeforeTheCopy) {
  store_->PutContent("d/f", "text");
  ASSERT_TRUE(mount_.List("d"));  // known to be the last
  Fail("put", "d/", Refused());
  EXPECT_EQ(mount_.Rename("d/f", "g"), EACCES);
  EXPECT_EQ(store_->Keys(), Names{"d/f"});
  EXPECT_EQ(mount_.Rename("d/f", "g"), 0);
  EXPECT_EQ(store_->Keys(), (Names{"d/", "g"}));
}

}  // namespace
}  // namespace ossfs2::test
