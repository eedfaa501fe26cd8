// How many requests operations cost (docs/semantics.md has the same numbers).
#include <thread>

#include "base/machine/page_size.h"
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

class Requests : public ::testing::Test {
 protected:
  uint64_t Count(const std::function<void()>& work) {
    store_->ResetCounts();
    work();
    return CountAll(*store_);
  }
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  TestMount mount_{*store_};
};

TEST_F(Requests, MissingNameColdAndListed) {
  store_->PutContent("d/f", "1");
  mount_.InoOf("d");
  EXPECT_LE(Count([&] { EXPECT_FALSE(mount_.Stat("d/missing")); }), 2u);
  ASSERT_TRUE(mount_.List("d"));
  EXPECT_LE(Count([&] { EXPECT_FALSE(mount_.Stat("d/missing")); }), 2u);
}

// Most new names of a directory that is known whole are absent: one list says so for files and directories.
TEST_F(Requests, AbsentNamesOfAKnownDirectory) {
  for (const char* key : {"d/f", "d/f-1", "d/f.txt", "d/sub/x"}) store_->PutContent(key, "1");
  ASSERT_TRUE(mount_.List("d"));
  EXPECT_EQ(Count([&] { EXPECT_FALSE(mount_.Stat("d/missing")); }), 1u);
  EXPECT_EQ(Count([&] { EXPECT_FALSE(mount_.Stat("d/f-")); }), 1u);
  EXPECT_EQ(Count([&] { EXPECT_EQ(mount_.Put("d/new", "1"), 0); }), 2u);
  ASSERT_EQ(mount_.Mkdir("own"), 0);
  EXPECT_EQ(Count([&] { EXPECT_FALSE(mount_.Stat("own/missing")); }), 1u);
  ASSERT_EQ(mount_.Put("own/f", "1"), 0);
  EXPECT_EQ(Count([&] { EXPECT_FALSE(mount_.Stat("own/missing")); }), 1u);
}

TEST_F(Requests, AbsentNamesOneAfterAnother) {
  store_->PutContent("d/f", "1");
  mount_.InoOf("d");
  EXPECT_FALSE(mount_.Stat("d/missing0"));
  EXPECT_EQ(Count([&] { EXPECT_FALSE(mount_.Stat("d/missing1")); }), 1u);
  EXPECT_EQ(Count([&] { EXPECT_FALSE(mount_.Stat("d/missing2")); }), 1u);
}

TEST_F(Requests, FilesOneAfterAnother) {
  for (const char* key : {"d/a", "d/b", "d/c"}) store_->PutContent(key, "1");
  mount_.InoOf("d");
  EXPECT_TRUE(mount_.Stat("d/a"));
  EXPECT_EQ(Count([&] { EXPECT_TRUE(mount_.Stat("d/b")); }), 1u);
  EXPECT_EQ(Count([&] { EXPECT_TRUE(mount_.Stat("d/c")); }), 1u);
}

// What another host made is found at once, whatever was expected.
TEST_F(Requests, WrongGuessesFindAllTheSame) {
  store_->PutContent("d/f", "1");
  const auto expect_absence = [&] { ASSERT_TRUE(mount_.List("d")); };
  expect_absence();
  store_->PutContent("d/file", "12");
  EXPECT_LE(Count([&] { EXPECT_EQ(mount_.Stat("d/file")->size, 2u); }), 2u);
  expect_absence();
  store_->PutContent("d/sub/x", "1");
  EXPECT_LE(Count([&] { EXPECT_TRUE(S_ISDIR(mount_.Stat("d/sub")->mode)); }), 2u);
  expect_absence();
  store_->PutContent("d/marked/", "");
  EXPECT_LE(Count([&] { EXPECT_TRUE(S_ISDIR(mount_.Stat("d/marked")->mode)); }), 3u);
  expect_absence();
  ASSERT_TRUE(store_->PutSymlink("d/dangling", "nowhere", {}));
  EXPECT_TRUE(S_ISLNK(mount_.Stat("d/dangling")->mode));
  expect_absence();
  for (int i = 100; i < 150; ++i) store_->PutContent("d/many-" + std::to_string(i), "1");
  store_->PutContent("d/many/x", "1");
  EXPECT_LE(Count([&] { EXPECT_TRUE(S_ISDIR(mount_.Stat("d/many")->mode)); }), 2u);
  for (const char* name : {"d/file", "d/f"}) EXPECT_TRUE(mount_.Stat(name));  // files are expected now
  store_->PutContent("d/sub2/x", "1");
  EXPECT_TRUE(S_ISDIR(mount_.Stat("d/sub2")->mode));
}

TEST_F(Requests, MissingNameAfterAListingThatMayBeBelieved) {
  FsOptions options;
  options.oss_negative_cache_timeout_s = 100;
  TestMount mount(*store_, options);
  store_->PutContent("d/f", "1");
  ASSERT_TRUE(mount.List("d"));
  EXPECT_EQ(Count([&] { EXPECT_FALSE(mount.Stat("d/missing")); }), 0u);
}

TEST_F(Requests, CreateInColdListedAndOwnDirectory) {
  store_->PutContent("d/f", "1");
  mount_.InoOf("d");
  EXPECT_LE(Count([&] { EXPECT_EQ(mount_.Put("d/new", "1"), 0); }), 2u + 1u);
  ASSERT_TRUE(mount_.List("d"));
  EXPECT_LE(Count([&] { EXPECT_EQ(mount_.Put("d/new2", "1"), 0); }), 2u + 1u);
  EXPECT_LE(Count([&] { EXPECT_EQ(mount_.Mkdir("own"), 0); }), 3u);
  EXPECT_LE(Count([&] { EXPECT_EQ(mount_.Put("own/f", "1"), 0); }), 2u + 1u);
  EXPECT_EQ(CountOf(*store_, {"put"}), 1u);
}

TEST_F(Requests, RenameUnlinkOpenOfListedFiles) {
  for (const char* key : {"d/", "d/a", "d/b", "d/c"}) store_->PutContent(key, "1");
  ASSERT_TRUE(mount_.List(""));
  ASSERT_TRUE(mount_.List("d"));
  EXPECT_LE(Count([&] { EXPECT_EQ(mount_.Rename("d/a", "d/z"), 0); }), 3u);
  EXPECT_EQ(CountOf(*store_, {"copy"}), 1u);
  EXPECT_EQ(Count([&] { EXPECT_EQ(mount_.Unlink("d/b"), 0); }), 1u);
  EXPECT_EQ(Count([&] { mount_.Close(*mount_.OpenPath("d/c", O_RDONLY)); }), 0u);
}

// rsync and mkstemp make their files private. When they were written last is nobody's choice, and not worth a copy.
TEST_F(Requests, LargePrivateFileIsStoredByItsUploadAlone) {
  const std::string content(3 << 20, 'p');
  const auto write = [&](const std::string& name) {
    const HandleId handle = *mount_.OpenPath(name, O_WRONLY | O_CREAT, 0600);
    EXPECT_TRUE(mount_.Write(handle, 0, content));
    return handle;
  };
  ASSERT_EQ(mount_.Close(write("f")), 0);
  EXPECT_EQ(CountOf(*store_, {"copy"}), 0u);
  EXPECT_EQ(store_->MetadataOf("f")->at("mode"), std::to_string(S_IFREG | 0600));
  EXPECT_FALSE(store_->MetadataOf("f")->contains("mtime"));
  ASSERT_EQ(mount_.Rename("f", "g"), 0);
  EXPECT_EQ(CountOf(*store_, {"copy"}), 1u);
  EXPECT_EQ(store_->MetadataOf("g")->at("mode"), std::to_string(S_IFREG | 0600));

  AttrChange old;
  old.mtime_ns = 1'500'000'000'000'000'000;
  const HandleId handle = write("h");
  ASSERT_TRUE(mount_.fs().Allocate(handle, 0, 0, content.size() + 4096));
  ASSERT_EQ(mount_.SetAttr("h", old), 0);
  ASSERT_TRUE(mount_.fs().Fsync(handle));
  EXPECT_EQ(store_->MetadataOf("h")->at("mtime"), "1500000000");
  ASSERT_EQ(mount_.Close(handle), 0);  // only zeros are new
  EXPECT_EQ(store_->Content("h")->size(), content.size() + 4096);
  EXPECT_EQ(store_->MetadataOf("h")->at("mtime"), "1500000000");
}

// The kernel keeps written pages, but not a last one that is not full: whoever reads the file next asks for it.
TEST_F(Requests, LastPageOfAWrittenFileIsNotFetched) {
  const uint64_t page = KernelPageBytes();
  const std::string content = std::string(3 * page, 'a') + std::string(100, 'z');
  ASSERT_EQ(mount_.Put("streamed", content), 0);
  const HandleId staged = *mount_.OpenPath("staged", O_WRONLY | O_CREAT);
  ASSERT_TRUE(mount_.Write(staged, 40'000'000, "end"));
  ASSERT_TRUE(mount_.Write(staged, 0, content));
  ASSERT_EQ(mount_.Close(staged), 0);
  const auto read = [&](const std::string& name, uint64_t offset) {
    const HandleId handle = *mount_.OpenPath(name, O_RDONLY);
    const std::string bytes = *mount_.Read(handle, offset, page);
    mount_.Close(handle);
    return bytes;
  };
  store_->ResetCounts();
  EXPECT_EQ(read("streamed", 3 * page), content.substr(3 * page));
  EXPECT_EQ(read("streamed", 3 * page + 40), content.substr(3 * page + 40));
  EXPECT_EQ(read("staged", 40'000'000), "end");
  ASSERT_EQ(mount_.Rename("streamed", "renamed"), 0);
  EXPECT_EQ(read("renamed", 3 * page), content.substr(3 * page));
  EXPECT_EQ(CountOf(*store_, {"get"}), 0u);
  EXPECT_EQ(read("renamed", page), content.substr(page, page));
  EXPECT_EQ(CountOf(*store_, {"get"}), 1u);
}

TEST_F(Requests, LastPageIsThatOfTheVersionThatIsRead) {
  FsOptions options;
  options.close_to_open = true;
  TestMount mount(*store_, options);
  ASSERT_EQ(mount.Put("f", "first"), 0);
  EXPECT_EQ(*mount.Get("f"), "first");
  ASSERT_EQ(mount.Put("f", "second"), 0);
  EXPECT_EQ(*mount.Get("f"), "second");
  store_->PutContent("f", "theirs");  // another host; of the same size
  EXPECT_EQ(*mount.Get("f"), "theirs");
}

TEST_F(Requests, StatStormOfListedFilesAsksNothing) {
  for (size_t i = 0; i < 2500; ++i) store_->PutContent("d/" + ManyNames(i), "1");
  std::map<std::string, Attr> attrs;
  mount_.InoOf("d");
  const uint64_t listing = Count([&] { EXPECT_EQ(mount_.List("d", &attrs)->size(), 2500u); });
  EXPECT_EQ(listing, 3u);
  EXPECT_EQ(Count([&] {
              for (size_t i = 0; i < 2500; ++i) EXPECT_TRUE(mount_.Stat("d/" + ManyNames(i)));
              std::map<std::string, Attr> again;
              EXPECT_EQ(mount_.List("d", &again)->size(), 2500u);
            }),
            0u);
}

TEST_F(Requests, ManyColdLookupsBeginAListing) {
  for (size_t i = 0; i < 2500; ++i) store_->PutContent("d/" + ManyNames(i), "1");
  const uint64_t requests = Count([&] {
    for (size_t i = 0; i < 2500; ++i) EXPECT_TRUE(mount_.Stat("d/" + ManyNames(i)));
  });
  EXPECT_LT(requests, 40u);
}

TEST_F(Requests, WithoutAThreadForPagesAheadTheReaderFetchesThem) {
  FsOptions options;
  options.list_page_size = 10;
  TestMount mount(*store_, options);
  for (size_t i = 0; i < 95; ++i) store_->PutContent("d/" + ManyNames(i), "1");
  mount.LoseThreads();
  const auto names = mount.List("d");
  ASSERT_TRUE(names);
  EXPECT_EQ(names->size(), 95u);
}

TEST_F(Requests, ADirectoryIsAskedForOnceWhileAFileBelowIsWritten) {
  store_->PutContent("d/f", "1");
  FakeClock clock;
  TestMount mount(*store_, {}, clock);
  const HandleId handle = *mount.OpenPath("d/f", O_WRONLY);
  ASSERT_TRUE(mount.Write(handle, 0, "2"));
  clock.Advance(std::chrono::seconds(61));
  EXPECT_GE(Count([&] { EXPECT_TRUE(mount.Stat("d")); }), 1u);
  EXPECT_EQ(Count([&] { EXPECT_TRUE(mount.Stat("d")); }), 0u);
  EXPECT_EQ(mount.Close(handle), 0);
}

// A download into a folder of many files: what is there already is of no interest.
TEST_F(Requests, NewFilesDoNotListTheirFolder) {
  for (size_t i = 0; i < 2500; ++i) store_->PutContent("d/" + ManyNames(i), "1");
  mount_.InoOf("d");
  const uint64_t requests = Count([&] {
    for (int i = 0; i < 40; ++i) EXPECT_EQ(mount_.Put("d/new-" + std::to_string(i), "1"), 0);
  });
  EXPECT_LE(requests, 40u * 3);
}

TEST_F(Requests, ConcurrentLookupsOfOneNameAreOneQuestion) {
  store_->PutContent("f", "1");
  store_->SetLatency(std::chrono::milliseconds(50));
  const uint64_t requests = Count([&] {
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) threads.emplace_back([&] { EXPECT_TRUE(mount_.fs().Lookup(kRootIno, "f")); });
    for (std::thread& thread : threads) thread.join();
  });
  EXPECT_LE(requests, 4u);
}

TEST_F(Requests, NegativeCacheOfItsOwn) {
  FsOptions options;
  options.oss_negative_cache_timeout_s = 100;
  TestMount mount(*store_, options);
  EXPECT_FALSE(mount.Stat("missing"));
  EXPECT_EQ(Count([&] { EXPECT_FALSE(mount.Stat("missing")); }), 0u);
  EXPECT_EQ(mount.Put("missing", "now"), 0);
  EXPECT_TRUE(mount.Stat("missing"));
}

TEST_F(Requests, NegativeCacheIsBounded) {
  FsOptions options;
  options.attr_timeout_s = 0;  // no listing may answer instead
  options.oss_negative_cache_timeout_s = 100;
  options.oss_negative_cache_size = 1000;
  TestMount mount(*store_, options);
  EXPECT_FALSE(mount.Stat("first"));
  for (size_t i = 0; i < 999; ++i) EXPECT_FALSE(mount.Stat(ManyNames(i)));
  EXPECT_EQ(Count([&] { EXPECT_FALSE(mount.Stat("first")); }), 0u);
  EXPECT_FALSE(mount.Stat("one more"));  // the oldest goes
  EXPECT_GT(Count([&] { EXPECT_FALSE(mount.Stat("first")); }), 0u);
}

TEST_F(Requests, ForeignXattrNamesAskNothing) {
  store_->PutContent("f", "1");
  ASSERT_TRUE(mount_.List(""));
  const Ino ino = mount_.InoOf("f");
  EXPECT_EQ(Count([&] {
              EXPECT_EQ(mount_.fs().GetXattr(ino, "security.capability").error().errno_value, ENODATA);
              EXPECT_EQ(mount_.fs().GetXattr(ino, "system.posix_acl_access").error().errno_value, EOPNOTSUPP);
            }),
            0u);
}

}  // namespace
}  // namespace ossfs2::test
