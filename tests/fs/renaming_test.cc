// What others ask and write while a rename is under way: no file is lost, no folder is short.
#include <atomic>
#include <functional>
#include <future>

#include "base/threads/awaited.h"
#include "oss/fakes/fault_store.h"
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

class Renaming : public ::testing::Test {
 protected:
  // Runs once, before a request of that kind for a key that has `key_part`.
  void Before(const std::string& operation, const std::string& key_part, std::function<void()> work) {
    oss::FaultRule rule;
    rule.operation = operation;
    rule.key_part = key_part;
    rule.meanwhile = std::move(work);
    faults_->AddRule(rule);
  }
  // The bucket as in the middle of the deletes of a rename of "d", with nothing believed any more.
  void LoseOldKeys(const std::vector<std::string>& keys) {
    for (const std::string& key : keys) EXPECT_TRUE(store_->Delete(key));
    clock_.Advance(std::chrono::seconds(61));
  }
  // Long enough for work that does not wait for the rename. What waits for it ends later.
  template <class T>
  static void LetRun(std::future<T>& work) {
    work.wait_for(std::chrono::milliseconds(200));
  }

  FakeClock clock_;
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  std::unique_ptr<oss::FaultStore> faults_ = oss::MakeFaultStore(*store_);
  TestMount mount_{*faults_, {}, clock_};
};

// The thread that answered a read may go on holding the file for a moment, in which all this has happened.
TEST_F(Renaming, AWriterThatIsStillHeldKnowsTheNewName) {
  const HandleId handle = *mount_.OpenPath("f", O_RDWR | O_CREAT);
  ASSERT_TRUE(mount_.Write(handle, 0, "first"));
  std::promise<void> answered;
  std::promise<void> released;
  std::promise<void> ended;
  mount_.fs().Read(handle, 0, 10, ReadInto::kPageCache, [&](const Result<ReadReply>& reply) {
    EXPECT_TRUE(reply);
    answered.set_value();
    released.get_future().wait();
    ended.set_value();
  });
  answered.get_future().wait();
  EXPECT_EQ(mount_.Close(handle), 0);
  EXPECT_EQ(mount_.Rename("f", "g"), 0);
  EXPECT_EQ(mount_.Put("g", "second", 0), 0);
  EXPECT_EQ(store_->Keys(), std::vector<std::string>{"g"});
  EXPECT_EQ(store_->Content("g"), "second");
  released.set_value();
  ended.get_future().wait();
}

// The open had taken the old name along.
TEST_F(Renaming, AFileThatIsOpenedByItsNumberMeanwhileIsNotTakenForRemoved) {
  FsOptions options;
  options.close_to_open = true;
  TestMount mount(*faults_, options, clock_);
  store_->PutContent("f", "text");
  const Ino ino = mount.InoOf("f");
  std::future<int> renamed;
  Before("head", "f", [&] {
    renamed = std::async(std::launch::async, [&] { return mount.Rename("f", "g"); });
    renamed.wait_for(std::chrono::seconds(60));
  });
  const Result<Opened> opened = mount.fs().Open(ino, O_RDONLY);
  ASSERT_EQ(renamed.get(), 0);
  ASSERT_TRUE(opened) << opened.error().ToString();
  EXPECT_EQ(mount.Read(opened->handle, 0, 10).value(), "text");
  EXPECT_EQ(mount.Close(opened->handle), 0);
}

TEST_F(Renaming, FilesBelowADirectoryAreNotTakenForRemoved) {
  for (const char* key : {"d/closed", "d/open", "d/sub/deep"}) store_->PutContent(key, "old");
  const HandleId handle = *mount_.OpenPath("d/open", O_RDWR);
  const Ino directory = mount_.InoOf("d");
  const Ino open = mount_.InoOf("d/open");
  const Ino closed = mount_.InoOf("d/closed");
  const Ino sub = mount_.InoOf("d/sub");
  Before("delete_many", "d/open", [&] {
    LoseOldKeys({"d/closed", "d/open", "d/sub/deep"});
    const auto attr = mount_.fs().GetAttr(open, handle);
    ASSERT_TRUE(attr);
    EXPECT_EQ(attr->attr.nlink, 1u);
    EXPECT_EQ(mount_.fs().Lookup(directory, "closed")->attr.ino, closed);
    EXPECT_EQ(mount_.fs().Lookup(directory, "sub")->attr.ino, sub);
  });
  EXPECT_EQ(mount_.Rename("d", "e"), 0);
  ASSERT_TRUE(mount_.Write(handle, 0, "new"));
  EXPECT_EQ(mount_.Close(handle), 0);
  EXPECT_EQ(store_->Content("e/open"), "new");
  EXPECT_EQ(store_->Keys(), (std::vector<std::string>{"e/closed", "e/open", "e/sub/deep"}));
  EXPECT_EQ(mount_.InoOf("e/open"), open);
  EXPECT_EQ(mount_.InoOf("e/closed"), closed);
  EXPECT_EQ(*mount_.Get("e/sub/deep"), "old");
}

TEST_F(Renaming, NamesThatWereNotKnownAreFoundWhenItIsOver) {
  store_->PutContent("d/f", "text");
  const Ino directory = mount_.InoOf("d");
  std::future<Result<Entry>> lookup;
  Before("delete_many", "d/f", [&] {
    LoseOldKeys({"d/f"});
    lookup = std::async(std::launch::async, [&] { return mount_.fs().Lookup(directory, "f"); });
    LetRun(lookup);
  });
  EXPECT_EQ(mount_.Rename("d", "e"), 0);
  EXPECT_TRUE(lookup.get());
  EXPECT_EQ(mount_.Put("e/f", "new", O_EXCL), EEXIST);
  EXPECT_EQ(*mount_.Get("e/f"), "text");
}

TEST_F(Renaming, AListingIsNotShort) {
  for (const char* key : {"d/a", "d/b", "d/c"}) store_->PutContent(key, "1");
  ASSERT_TRUE(mount_.InoOf("d/a"));
  std::promise<void> asked;
  std::promise<void> answered;
  Before("list", "d/", [&] {
    asked.set_value();
    answered.get_future().wait();
  });
  auto listing = std::async(std::launch::async, [&] { return mount_.List("d"); });
  asked.get_future().wait();
  Before("delete_many", "d/a", [&] {
    LoseOldKeys({"d/a", "d/b"});
    answered.set_value();
    LetRun(listing);
  });
  EXPECT_EQ(mount_.Rename("d", "e"), 0);
  const auto sorted = [](std::vector<std::string> names) {
    std::sort(names.begin(), names.end());
    return names;
  };
  const std::vector<std::string> all{"a", "b", "c"};
  const auto listed = listing.get();
  ASSERT_TRUE(listed);
  EXPECT_EQ(sorted(*listed), all);
  EXPECT_EQ(sorted(*mount_.List("e")), all);
}

TEST_F(Renaming, AHandleOfTheReplacedFileKeepsItsSize) {
  store_->PutContent("target", "old version");
  store_->PutContent("source", "new");
  const HandleId handle = *mount_.OpenPath("target", O_RDONLY);
  const Ino target = mount_.InoOf("target");
  EXPECT_EQ(*mount_.Read(handle, 0, 100), "old version");
  const auto size = [&] { return mount_.fs().GetAttr(target, handle)->attr.size; };
  Before("delete", "source", [&] {
    clock_.Advance(std::chrono::seconds(61));
    EXPECT_EQ(size(), 11u);
  });
  EXPECT_EQ(mount_.Rename("source", "target"), 0);
  EXPECT_EQ(size(), 11u);
  EXPECT_EQ(*mount_.Read(handle, 0, 100), "old version");
  mount_.Close(handle);
  EXPECT_EQ(*mount_.Get("target"), "new");
}

// The copy of an object that was sent in parts has another ETag, and a directory's rename has not looked at the
// sources.
class RenamingParts : public Renaming {
 protected:
  RenamingParts() {
    const std::string id = *store_->InitiateUpload("d/f", {});
    const auto sent = std::make_shared<Awaited<Result<PartResult>>>();
    UploadBody body;
    body.spans.push_back(std::as_bytes(std::span(kText.data(), kText.size())));
    const auto call =
        store_->UploadPartAsync("d/f", id, 1, body, [sent](Result<PartResult> part) { sent->Set(std::move(part)); });
    EXPECT_TRUE(store_->CompleteUpload("d/f", id, {*sent->Take()}, std::nullopt, false));
  }
  void BendCopy(std::function<void(WriteResult&)> bend) {
    oss::FaultRule rule;
    rule.operation = "copy";
    rule.bend = std::move(bend);
    faults_->AddRule(rule);
  }
  // How many are sent for the file under its two names.
  int HeadsOfARename() {
    std::atomic<int> heads = 0;
    for (const char* key : {"d/f", "e/f"}) {
      for (int i = 0; i < 3; ++i) Before("head", key, [&] { ++heads; });
    }
    EXPECT_EQ(mount_.Rename("d", "e"), 0);
    faults_->ClearRules();
    EXPECT_EQ(store_->Content("e/f"), kText);
    return heads;
  }

  const std::string kText = "0123456789";
};

TEST_F(RenamingParts, ACopyWithAnotherCrcIsRefused) {
  BendCopy([](WriteResult& copied) { *copied.crc64 ^= 1; });
  EXPECT_EQ(mount_.Rename("d", "e"), EIO);
  EXPECT_EQ(store_->Content("d/f"), kText);
}

TEST_F(RenamingParts, ACopyThatTellsNoCrcIsAskedForIt) {
  BendCopy([](WriteResult& copied) { copied.crc64.reset(); });
  Before("head", "e/f", [&] { store_->PutContent("e/f", "01234567xx"); });
  EXPECT_EQ(mount_.Rename("d", "e"), EIO);
  EXPECT_EQ(store_->Content("d/f"), kText);
}

TEST_F(RenamingParts, OneHeadProvesACopyThatTellsItsCrc) { EXPECT_EQ(HeadsOfARename(), 1); }

TEST_F(RenamingParts, TwoProveOneThatDoesNot) {
  BendCopy([](WriteResult& copied) { copied.crc64.reset(); });
  EXPECT_EQ(HeadsOfARename(), 2);
}

}  // namespace
}  // namespace ossfs2::test
