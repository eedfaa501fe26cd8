// Answers that come late: something changed, here or on another host, after the question was asked.
#include <chrono>
#include <functional>
#include <future>
#include <thread>

#include "oss/fakes/fault_store.h"
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

class LateAnswers : public ::testing::Test {
 protected:
  static FsOptions SmallPages() {
    FsOptions options;
    options.list_page_size = 2;
    return options;
  }
  static AttrChange Mode(uint32_t mode) {
    AttrChange change;
    change.mode = mode;
    return change;
  }
  // Runs between the request in the bucket and its answer here, once.
  void BeforeAnswer(const std::string& operation, const std::string& key_part, std::function<void()> work,
                    int skip = 0) {
    oss::FaultRule rule;
    rule.operation = operation;
    rule.key_part = key_part;
    rule.skip = skip;
    rule.afterwards = std::move(work);
    faults_->AddRule(rule);
  }
  void Sync(const std::string& path) {
    const HandleId handle = *mount_.OpenPath(path, O_RDONLY);
    EXPECT_TRUE(mount_.fs().Fsync(handle)) << path;
    mount_.Close(handle);
  }
  std::string MetadataOf(const std::string& key, const std::string& name) {
    const auto metadata = store_->MetadataOf(key);
    return metadata && metadata->contains(name) ? metadata->at(name) : "";
  }
  FakeClock clock_;
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  std::unique_ptr<oss::FaultStore> faults_ = oss::MakeFaultStore(*store_);
  TestMount mount_{*faults_, SmallPages(), clock_};
};

// The first save marks the directory, so the listing asks for what all its files keep.
TEST_F(LateAnswers, AListingBeforeAttributesAreStoredLosesNoneOfTheOthers) {
  for (const char* key : {"d/a", "d/b", "d/c"}) store_->PutContent(key, "1", {{"author", "me"}, {"uid", "1005"}});
  ASSERT_TRUE(mount_.List("d"));
  for (const char* path : {"d/a", "d/b", "d/c"}) EXPECT_EQ(mount_.SetAttr(path, Mode(0640)), 0);
  Sync("d/a");
  std::map<std::string, Attr> attrs;
  EXPECT_EQ(mount_.List("d", &attrs)->size(), 3u);
  EXPECT_EQ(attrs["b"].uid, 1005u);
  EXPECT_EQ(attrs["b"].mode & 07777, 0640u);
  Sync("d/b");
  EXPECT_EQ(mount_.Rename("d/c", "d/moved"), 0);
  for (const char* key : {"d/a", "d/b", "d/moved"}) {
    EXPECT_EQ(MetadataOf(key, "author"), "me") << key;
    EXPECT_EQ(MetadataOf(key, "uid"), "1005") << key;
    EXPECT_EQ(MetadataOf(key, "mode"), "33184") << key;
  }
}

// The run has passed the name when another host makes it, and ends without it.
TEST_F(LateAnswers, AFileFoundWhileItsDirectoryIsListedStays) {
  for (const char* key : {"d/b", "d/c", "d/e", "d/f"}) store_->PutContent(key, "1");
  mount_.InoOf("d");
  HandleId handle = 0;
  Ino file = 0;
  Ino folder = 0;
  BeforeAnswer("list", "d/", [&] {
    store_->PutContent("d/a", "old");
    store_->PutContent("d/a-folder/inside", "1");
    file = mount_.InoOf("d/a");
    folder = mount_.InoOf("d/a-folder");
    handle = *mount_.OpenPath("d/a", O_RDWR);
  }, 1);
  EXPECT_TRUE(mount_.List("d"));
  ASSERT_NE(handle, 0u);
  EXPECT_EQ(*mount_.Read(handle, 0, 10), "old");
  ASSERT_TRUE(mount_.Write(handle, 0, "new"));
  EXPECT_EQ(mount_.Close(handle), 0);
  EXPECT_EQ(store_->Content("d/a"), "new");
  EXPECT_EQ(mount_.InoOf("d/a"), file);
  EXPECT_EQ(mount_.InoOf("d/a-folder"), folder);
  EXPECT_TRUE(mount_.notifier.names().empty());
}

TEST_F(LateAnswers, AListingDoesNotBringBackAnOlderVersion) {
  store_->PutContent("f", "old");
  FsOptions options;
  options.close_to_open = true;
  TestMount mount(*faults_, options, clock_);
  const Ino ino = mount.InoOf("f");
  HandleId handle = 0;
  BeforeAnswer("list", "", [&] {
    store_->PutContent("f", "newer");
    handle = mount.fs().Open(ino, O_RDONLY)->handle;
    EXPECT_EQ(*mount.Read(handle, 0, 10), "newer");
  });
  EXPECT_EQ(mount.List("")->size(), 1u);
  ASSERT_NE(handle, 0u);
  const Result<std::string> again = mount.Read(handle, 0, 10);
  EXPECT_TRUE(again && *again == "newer") << "no other version came after it";
  mount.Close(handle);
  EXPECT_EQ(mount.Stat("f")->size, 5u);
}

// The listing was asked for before the open, and brings an older version while the open's own question is under way.
TEST_F(LateAnswers, CloseToOpenIsNotAnsweredByAListing) {
  store_->PutContent("f", "a");
  FsOptions options;
  options.close_to_open = true;
  TestMount mount(*faults_, options, clock_);
  const Ino ino = mount.InoOf("f");
  store_->PutContent("f", "old");
  std::promise<void> asked;
  std::promise<void> listed;
  std::string text;
  std::thread opener;
  BeforeAnswer("head", "f", [&] {
    asked.set_value();
    listed.get_future().wait();
  });
  BeforeAnswer("list", "", [&] {
    store_->PutContent("f", "newer");
    opener = std::thread([&] {
      const HandleId handle = mount.fs().Open(ino, O_RDONLY)->handle;
      text = mount.Read(handle, 0, 10).value();
      mount.Close(handle);
    });
    asked.get_future().wait();
  });
  EXPECT_EQ(mount.List("")->size(), 1u);
  listed.set_value();
  opener.join();
  EXPECT_EQ(text, "newer");
}

TEST_F(LateAnswers, ALookUpDoesNotTakeBackWhatAListingHasFound) {
  store_->PutContent("d/known", "old");
  store_->PutContent("x/e/other", "1");
  ASSERT_TRUE(mount_.List("d"));
  clock_.Advance(std::chrono::seconds(61));
  mount_.InoOf("d");
  mount_.InoOf("x/e");
  const auto change = [this](const std::string& directory, const std::string& name) {
    BeforeAnswer("head", directory + name, [this, directory, name] {
      store_->PutContent(directory + name, "newer");
      EXPECT_TRUE(mount_.List(directory));
    });
  };
  change("d/", "known");
  change("x/e/", "new");
  EXPECT_EQ(mount_.Stat("d/known")->size, 5u);
  const Result<Attr> made = mount_.Stat("x/e/new");
  ASSERT_TRUE(made) << "listed after it was asked for";
  EXPECT_EQ(made->size, 5u);
}

// The object is gone already, and the file still has its name here.
TEST_F(LateAnswers, AFileThatIsBeingUnlinkedIsNotTakenForRemovedElsewhere) {
  store_->PutContent("f", "data");
  const HandleId handle = *mount_.OpenPath("f", O_RDWR);
  const Ino ino = mount_.InoOf("f");
  bool was_asked = false;
  BeforeAnswer("delete", "f", [&] {
    clock_.Advance(std::chrono::seconds(61));
    EXPECT_TRUE(mount_.fs().GetAttr(ino, handle));
    EXPECT_TRUE(mount_.List(""));
    EXPECT_TRUE(mount_.notifier.names().empty());
    was_asked = true;
  });
  EXPECT_EQ(mount_.Unlink("f"), 0);
  EXPECT_TRUE(was_asked);
  EXPECT_EQ(mount_.fs().GetAttr(ino, handle)->attr.nlink, 0u);
  EXPECT_EQ(*mount_.Read(handle, 0, 10), "data");
  EXPECT_EQ(mount_.Close(handle), 0);
}

TEST_F(LateAnswers, AnOpenFileThatLosesItsNameHereWhileItIsAskedForGoesOn) {
  store_->PutContent("d/f", "data");
  store_->PutContent("e/f", "data");
  store_->PutContent("e/new", "newer");
  const auto expect_goes_on = [this](const std::string& path, const std::function<int()>& take_name) {
    const HandleId handle = *mount_.OpenPath(path, O_RDONLY);
    const Ino ino = mount_.InoOf(path);
    clock_.Advance(std::chrono::seconds(61));
    BeforeAnswer("head", path, [&] {
      EXPECT_TRUE(mount_.List(path.substr(0, 1)));  // so that nobody waits for this answer
      EXPECT_EQ(take_name(), 0);
    });
    const Result<AttrReply> attr = mount_.fs().GetAttr(ino, handle);
    ASSERT_TRUE(attr) << path << ": " << attr.error().ToString();
    EXPECT_EQ(attr->attr.nlink, 0u);
    EXPECT_EQ(attr->attr.size, 4u);
    EXPECT_EQ(*mount_.Read(handle, 0, 10), "data");
    mount_.Close(handle);
  };
  expect_goes_on("d/f", [this] { return mount_.Unlink("d/f") != 0 ? EIO : mount_.Rmdir("d"); });
  expect_goes_on("e/f", [this] { return mount_.Rename("e/new", "e/f"); });
}

TEST_F(LateAnswers, AListingDoesNotTakeBackAttributesOfTheDirectoryThatWereStoredMeanwhile) {
  store_->PutContent("d/", "");
  store_->PutContent("d/f", "1");
  const Ino directory = mount_.InoOf("d");
  store_->PutContent("d/", "another", {{"mode", "16877"}});  // so that the listing looks at it again
  BeforeAnswer("head", "d/", [&] {
    EXPECT_TRUE(mount_.fs().SetAttr(directory, Mode(0700), std::nullopt));
    EXPECT_TRUE(mount_.fs().FlushAll(std::chrono::seconds(20)).empty());
  });
  EXPECT_EQ(mount_.List("d")->size(), 1u);
  EXPECT_EQ(MetadataOf("d/", "mode"), "16832");
  EXPECT_EQ(mount_.Stat("d")->mode & 07777, 0700u);
}

// SIGTERM saves everything while calls are under way: what these change afterwards nobody else would store.
TEST_F(LateAnswers, AttributesThatAreChangedDuringTheEndAreStoredByTheCall) {
  store_->PutContent("f", "1");
  ASSERT_TRUE(mount_.List(""));
  const Ino ino = mount_.InoOf("f");
  BeforeAnswer("head", "f", [&] { EXPECT_TRUE(mount_.fs().FlushAll(std::chrono::seconds(20)).empty()); });
  EXPECT_TRUE(mount_.fs().SetXattr(ino, "user.a", "1", 0));
  EXPECT_NE(MetadataOf("f", "xattr"), "");
  EXPECT_TRUE(mount_.fs().RemoveXattr(ino, "user.a"));
  EXPECT_EQ(MetadataOf("f", "xattr"), "");
  EXPECT_TRUE(mount_.fs().SetAttr(ino, Mode(0600), std::nullopt));
  EXPECT_EQ(MetadataOf("f", "mode"), "33152");
}

TEST_F(LateAnswers, AttributesThatCannotBeStoredDuringTheEndAreAnErrorOfTheCall) {
  store_->PutContent("f", "1");
  const Ino ino = mount_.InoOf("f");
  EXPECT_TRUE(mount_.fs().FlushAll(std::chrono::seconds(20)).empty());
  oss::FaultRule rule;
  rule.operation = "copy";
  rule.error = MakeError(EIO, ErrorKind::kCanceled, "the mount ends");
  faults_->AddRule(rule);
  const auto changed = mount_.fs().SetAttr(ino, Mode(0600), std::nullopt);
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().errno_value, EIO);
}

TEST_F(LateAnswers, AnXattrThatIsStoredMeanwhileStays) {
  store_->PutContent("f", "1", {{"author", "me"}});
  ASSERT_TRUE(mount_.List(""));
  const Ino ino = mount_.InoOf("f");
  BeforeAnswer("head", "f", [&] {
    EXPECT_TRUE(mount_.fs().SetXattr(ino, "user.a", "1", 0));
    Sync("f");
  });
  EXPECT_EQ(mount_.fs().GetXattr(ino, "user.a").value_or("absent"), "1");
  EXPECT_EQ(MetadataOf("f", "author"), "me");
}

// Renames of other directories say nothing of this one.
TEST_F(LateAnswers, LookUpsGoOnWhileOtherDirectoriesAreRenamed) {
  store_->PutContent("look/f", "1");
  store_->PutContent("other/f", "1");
  mount_.InoOf("look");
  bool there = true;
  oss::FaultRule rule;
  rule.operation = "head";
  rule.key_part = "look/f";
  rule.count = -1;
  rule.afterwards = [&] {
    EXPECT_EQ(mount_.Rename(there ? "other" : "moved", there ? "moved" : "other"), 0);
    there = !there;
  };
  faults_->AddRule(rule);
  EXPECT_EQ(mount_.Stat("look/f")->size, 1u);
  EXPECT_FALSE(there);
  faults_->ClearRules();
}

TEST_F(LateAnswers, NothingIsFoundInADirectoryThatWasRemovedMeanwhile) {
  store_->PutContent("d/f", "1");
  const Ino directory = mount_.InoOf("d");
  BeforeAnswer("head", "d/f", [&] {
    EXPECT_TRUE(store_->Delete("d/f"));
    EXPECT_EQ(mount_.Rmdir("d"), 0);
  });
  const Result<Entry> found = mount_.Lookup(directory, "f");
  EXPECT_FALSE(found) << "its node would be left behind without its directory";
}

}  // namespace
}  // namespace ossfs2::test
