// A daemon that ends in the middle of a rename: the next start leaves one name, if nobody has touched them since.
#include <filesystem>

#include "data/recovery/rename_record.h"
#include "oss/fakes/fault_store.h"
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

namespace files = std::filesystem;
using Names = std::vector<std::string>;

class RenameCrash : public ::testing::Test {
 protected:
  // Just before the next request of that kind for the key, `work` finds bucket and journal as a crash would leave them.
  void Before(const std::string& operation, const std::string& key, std::function<void()> work) {
    oss::FaultRule rule;
    rule.operation = operation;
    rule.key_part = key;
    rule.meanwhile = [this, run = std::move(work)] {
      reached_ = true;
      run();
    };
    faults_->AddRule(rule);
  }
  void FailDeletes(ErrorKind kind) {
    oss::FaultRule rule;
    rule.operation = "delete";
    rule.count = -1;
    rule.error = MakeError(EIO, kind, "injected");
    faults_->AddRule(rule);
  }
  // The next start after a crash that happens now.
  void StartAfterCrash() {
    const std::string journal = folder_.path() + "/crashed";
    files::copy(journal_, journal, files::copy_options::recursive);
    Start(journal);
  }
  void Start(const std::string& journal) {
    MemoryPool pool(64ull << 20);
    UploadOptions options;
    options.staging_dir = folder_.path() + "/staging";
    options.staging_free_bytes_min = 0;
    options.journal_dir = journal;
    const auto writes = MakeWriteEngine(*store_, pool, options);
    const Status recovered = writes->Recover();
    EXPECT_TRUE(recovered) << recovered.error().ToString();
    EXPECT_EQ(RecordsIn(journal), 0u);
    writes->Shutdown();
  }
  void Make(const std::string& key, const std::string& text) {
    ASSERT_EQ(mount_->Put(key, text), 0);
    ASSERT_NE(mount_->InoOf(key), 0u);
  }
  static size_t RecordsIn(const std::string& folder) {
    size_t count = 0;
    for (const auto& item : files::recursive_directory_iterator(folder)) count += item.path().extension() == ".record";
    return count;
  }

  TempFolder folder_;
  const std::string journal_ = folder_.path() + "/journal";
  FakeClock clock_;
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  std::unique_ptr<oss::FaultStore> faults_ = oss::MakeFaultStore(*store_);
  std::unique_ptr<TestMount> mount_ = std::make_unique<TestMount>(*faults_, FsOptions{}, Clock::Real(), journal_);
  bool reached_ = false;
};

TEST_F(RenameCrash, CostsNoRequestWhenThereIsNone) {
  Make("f", "text");
  store_->ResetCounts();
  EXPECT_EQ(mount_->Rename("f", "g"), 0);
  EXPECT_EQ(CountOf(*store_, {"copy"}), 1u);
  EXPECT_EQ(CountOf(*store_, {"delete"}), 1u);
  EXPECT_EQ(CountAll(*store_) - CountOf(*store_, {"copy", "delete"}), 1u) << "is the target there?";
  EXPECT_EQ(RecordsIn(journal_), 0u);
}

TEST_F(RenameCrash, BeforeTheDeleteIsFinished) {
  Make("f", "text");
  Before("delete", "f", [this] {
    EXPECT_EQ(store_->Keys(), (Names{"f", "g"}));
    StartAfterCrash();
    EXPECT_EQ(store_->Keys(), Names{"g"});
    EXPECT_EQ(store_->Content("g"), "text");
  });
  EXPECT_EQ(mount_->Rename("f", "g"), 0);
  EXPECT_TRUE(reached_);
}

TEST_F(RenameCrash, WithACopyOfAnotherEtagIsFinished) {
  Make("f", std::string(3 << 20, 'x'));  // sent in parts
  Before("delete", "f", [this] {
    EXPECT_NE(store_->Head("f")->etag, store_->Head("g")->etag);
    StartAfterCrash();
    EXPECT_EQ(store_->Keys(), Names{"g"});
  });
  EXPECT_EQ(mount_->Rename("f", "g"), 0);
  EXPECT_TRUE(reached_);
}

TEST_F(RenameCrash, WithACopyOnItsWayIsFinished) {
  Make("f", "text");
  Before("copy", "g", [this] {
    CopyRequest copy;
    copy.source_key = "f";
    copy.target_key = "g";
    EXPECT_TRUE(store_->Copy(copy));
    StartAfterCrash();
    EXPECT_EQ(store_->Keys(), Names{"g"});
  });
  (void)mount_->Rename("f", "g");
  EXPECT_TRUE(reached_);
}

TEST_F(RenameCrash, OfANewerVersionIsFinished) {
  Make("f", "text");
  Before("copy", "g", [this] { store_->PutContent("f", "newer"); });
  Before("delete", "f", [this] {
    StartAfterCrash();
    EXPECT_EQ(store_->Keys(), Names{"g"});
    EXPECT_EQ(store_->Content("g"), "newer");
  });
  EXPECT_EQ(mount_->Rename("f", "g"), 0);
}

TEST_F(RenameCrash, BeforeTheCopyChangesNothing) {
  Make("f", "text");
  Make("g", "old");
  Before("copy", "g", [this] {
    StartAfterCrash();
    EXPECT_EQ(store_->Content("f"), "text");
    EXPECT_EQ(store_->Content("g"), "old");
  });
  EXPECT_EQ(mount_->Rename("f", "g"), 0);
  EXPECT_TRUE(reached_);
}

TEST_F(RenameCrash, OfALinkIsFinished) {
  ASSERT_EQ(mount_->Symlink("elsewhere", "l"), 0);
  Before("delete", "l", [this] {
    StartAfterCrash();
    EXPECT_EQ(store_->Keys(), Names{"m"});
  });
  EXPECT_EQ(mount_->Rename("l", "m"), 0);
  EXPECT_TRUE(reached_);
}

TEST_F(RenameCrash, TheFolderOfTheLastFileStays) {
  store_->PutContent("d/f", "text");
  ASSERT_NE(mount_->InoOf("d/f"), 0u);
  Before("delete", "d/f", [this] {
    StartAfterCrash();
    EXPECT_EQ(store_->Keys(), (Names{"d/", "g"}));
  });
  EXPECT_EQ(mount_->Rename("d/f", "g"), 0);
  EXPECT_TRUE(reached_);
}

TEST_F(RenameCrash, ACopyThatOthersReplacedIsNone) {
  Make("f", "text");
  Before("delete", "f", [this] {
    store_->PutContent("g", "theirs");
    StartAfterCrash();
    EXPECT_EQ(store_->Keys(), (Names{"f", "g"}));
  });
  EXPECT_EQ(mount_->Rename("f", "g"), 0);
  EXPECT_TRUE(reached_);
}

TEST_F(RenameCrash, ASourceThatOthersReplacedStays) {
  Make("f", "text");
  Before("delete", "f", [this] {
    store_->PutContent("f", "theirs");
    StartAfterCrash();
    EXPECT_EQ(store_->Keys(), (Names{"f", "g"}));
  });
  EXPECT_EQ(mount_->Rename("f", "g"), 0);
  EXPECT_TRUE(reached_);
}

TEST_F(RenameCrash, AnEqualFileOfAnotherTimeIsNoCopy) {
  mount_.reset();
  store_ = oss::MakeMemoryStore(clock_);  // its dates are years before those of the journal
  faults_ = oss::MakeFaultStore(*store_);
  mount_ = std::make_unique<TestMount>(*faults_, FsOptions{}, Clock::Real(), journal_);
  Make("f", "text");
  Before("delete", "f", [this] {
    StartAfterCrash();
    EXPECT_EQ(store_->Keys(), (Names{"f", "g"}));
  });
  EXPECT_EQ(mount_->Rename("f", "g"), 0);
  EXPECT_TRUE(reached_);
}

// The daemon was killed when the old object was deleted already, and somebody made an equal file of that name since.
TEST_F(RenameCrash, AnEqualSourceThatWasMadeSinceStays) {
  const auto store = oss::MakeMemoryStore(clock_);
  CopyRequest copy;
  copy.source_key = "f";
  copy.target_key = "g";
  store->PutContent("f", "text");
  ASSERT_TRUE(store->Copy(copy));
  JournalEntry entry;
  entry.kind = JournalKind::kRename;
  entry.key = "g";
  entry.from_key = "f";
  entry.from_etag = store->Head("f")->etag;
  entry.etag = store->Head("g")->etag;
  entry.started_s = store->Head("g")->mtime_s;
  clock_.Advance(std::chrono::seconds(2));
  store->PutContent("f", "text");
  EXPECT_TRUE(FinishRename(*store, entry));
  EXPECT_EQ(store->Keys(), (Names{"f", "g"}));
  ASSERT_TRUE(store->Copy(copy));  // as if it had been there all the time
  EXPECT_TRUE(FinishRename(*store, entry));
  EXPECT_EQ(store->Keys(), Names{"g"});
}

TEST_F(RenameCrash, ARenameThatFailedIsNotFinishedLater) {
  Make("f", "text");
  FailDeletes(ErrorKind::kUnavailable);
  EXPECT_EQ(mount_->Rename("f", "g"), EIO);
  mount_.reset();
  Start(journal_);
  EXPECT_EQ(store_->Keys(), (Names{"f", "g"}));
}

TEST_F(RenameCrash, ARenameThatTheEndOfTheRunCancelsIsFinished) {
  Make("f", "text");
  FailDeletes(ErrorKind::kCanceled);
  EXPECT_EQ(mount_->Rename("f", "g"), EIO);
  mount_.reset();
  Start(journal_);
  EXPECT_EQ(store_->Keys(), Names{"g"});
}

TEST_F(RenameCrash, ADeleteThatIsRefusedDoesNotWaitForEver) {
  Make("f", "text");
  Before("delete", "f", [this] {
    const std::string journal = folder_.path() + "/crashed";
    files::copy(journal_, journal, files::copy_options::recursive);
    MemoryPool pool(64ull << 20);
    UploadOptions options;
    options.journal_dir = journal;
    options.staging_dir = folder_.path() + "/staging";
    options.staging_free_bytes_min = 0;
    FailDeletes(ErrorKind::kAccessDenied);
    const auto writes = MakeWriteEngine(*faults_, pool, options);
    EXPECT_TRUE(writes->Recover());
    writes->Shutdown();
    faults_->ClearRules();
    EXPECT_EQ(RecordsIn(journal), 0u);
    EXPECT_EQ(store_->Keys(), (Names{"f", "g"}));
  });
  EXPECT_EQ(mount_->Rename("f", "g"), 0);
  EXPECT_TRUE(reached_);
}

}  // namespace
}  // namespace ossfs2::test
