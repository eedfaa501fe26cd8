// What survives: restarts, torn logs, left-over files, overwritten objects under a GET.
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/values/str.h"
#include "tests/server/test_client.h"

namespace ossfs2::server {
namespace {

namespace files = std::filesystem;

class StorageTest : public ServerTest {
 protected:
  size_t BlobFiles() const {
    size_t count = 0;
    for (const auto& entry : files::recursive_directory_iterator(options_.root + "/blobs")) {
      if (entry.is_regular_file()) ++count;
    }
    return count;
  }
  std::string LogPath() const { return options_.root + "/buckets/bkt/log"; }
};

TEST_F(StorageTest, EverythingComesBackAfterARestart) {
  Start();
  Do("PUT", "normal", {}, "one", {{"x-oss-meta-a", "b"}, {"Content-Type", "t/x"}});
  Do("PUT", "gone", {}, "x");
  Do("DELETE", "gone");
  Do("PUT", "link", {{"symlink", ""}}, "", {{"x-oss-symlink-target", "normal"}});
  Do("POST", "log", {{"append", ""}, {"position", "0"}}, "abc");
  const std::string id = NewUpload("part");
  const std::string etag =
      Do("PUT", "part", {{"partNumber", "1"}, {"uploadId", id}}, "part bytes").Header("ETag");
  const std::string aborted = NewUpload("part");
  Do("DELETE", "part", {{"uploadId", aborted}});
  const std::string crc = Do("HEAD", "normal").Header("x-oss-hash-crc64ecma");
  Stop();
  Start();
  const Answer normal = Do("GET", "normal");
  EXPECT_EQ(normal.body, "one");
  EXPECT_EQ(normal.Header("x-oss-meta-a"), "b");
  EXPECT_EQ(normal.Header("Content-Type"), "t/x");
  EXPECT_EQ(normal.Header("x-oss-hash-crc64ecma"), crc);
  EXPECT_EQ(Do("GET", "gone").status, 404);
  EXPECT_EQ(Do("GET", "link").body, "one");
  EXPECT_EQ(Do("POST", "log", {{"append", ""}, {"position", "3"}}, "def").status, 200);
  EXPECT_EQ(Do("GET", "log").body, "abcdef");
  EXPECT_EQ(Do("PUT", "part", {{"partNumber", "2"}, {"uploadId", aborted}}, "x").Code(), "NoSuchUpload");
  const std::string xml = StrCat("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>", etag,
                                 "</ETag></Part></CompleteMultipartUpload>");
  EXPECT_EQ(Do("POST", "part", {{"uploadId", id}}, xml).status, 200);
  EXPECT_EQ(Do("GET", "part").body, "part bytes");
}

TEST_F(StorageTest, TornEndOfTheLogIsCutOff) {
  Start();
  Do("PUT", "a", {}, "one");
  Stop();
  const auto whole = files::file_size(LogPath());
  Start();
  Do("PUT", "b", {}, "two");
  Stop();
  files::resize_file(LogPath(), files::file_size(LogPath()) - 1);
  Start();
  EXPECT_EQ(Do("GET", "a").body, "one");
  EXPECT_EQ(Do("GET", "b").status, 404);
  EXPECT_EQ(files::file_size(LogPath()), whole);
  EXPECT_EQ(BlobFiles(), 1u);  // the file of b, which nothing names, is gone
  EXPECT_EQ(Do("PUT", "b", {}, "three").status, 200);
  EXPECT_EQ(Do("GET", "b").body, "three");
}

TEST_F(StorageTest, FilesGoAwayWithTheirLastUser) {
  Start();
  Do("PUT", "a", {}, "one");
  Do("PUT", "copy", {}, "", {{"x-oss-copy-source", "/bkt/a"}});
  Do("DELETE", "a");
  EXPECT_EQ(BlobFiles(), 1u);
  Do("PUT", "copy", {}, "two");
  EXPECT_EQ(BlobFiles(), 1u);
  Do("PUT", "copy", {}, "xyz", {{"Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg=="}});
  EXPECT_EQ(BlobFiles(), 1u);
  Do("DELETE", "copy");
  EXPECT_EQ(BlobFiles(), 0u);
}

TEST_F(StorageTest, AppendsContinueOneFile) {
  Start();
  for (int i = 0; i < 20; ++i) Do("POST", "log", {{"append", ""}, {"position", StrCat(i)}}, "x");
  EXPECT_EQ(BlobFiles(), 1u);
  EXPECT_EQ(Do("GET", "log").body, std::string(20, 'x'));
}

TEST_F(StorageTest, AGetKeepsItsVersionWhenTheObjectIsReplaced) {
  Start();
  const std::string old(64 << 20, 'o');
  ASSERT_EQ(Do("PUT", "a", {}, old).status, 200);
  RawConnection slow(port());
  slow.Send(Build("GET", "a", {}, "", {}));
  std::string got = slow.ReadSome(1 << 20);
  ASSERT_EQ(Do("PUT", "a", {}, std::string(64 << 20, 'n')).status, 200);
  Do("DELETE", "a");
  got += slow.ReadSome(32 << 20);
  const size_t head = got.find("\r\n\r\n") + 4;
  got += slow.ReadSome(old.size() + head - got.size());
  EXPECT_TRUE(got.substr(head) == old);
  EXPECT_EQ(Do("GET", "a").status, 404);
}

TEST_F(StorageTest, CompactionKeepsAll) {
  auto blobs = BlobStore::Open(folder_.path() + "/blobs");
  ASSERT_TRUE(blobs);
  auto bucket = Bucket::Open("direct", folder_.path() + "/direct", **blobs);
  ASSERT_TRUE(bucket);
  UploadRecord upload;
  upload.key = "u";
  ASSERT_TRUE((*bucket)->AddUpload("id", upload));
  ASSERT_TRUE((*bucket)->PutPart("u", "id", 3, PartRecord{7, 8, "E", 9, {}}));
  for (int i = 0; i < 200'100; ++i) {
    auto record = std::make_shared<ObjectRecord>();
    record->size = static_cast<uint64_t>(i);
    ASSERT_TRUE((*bucket)->Put(StrCat("k", i % 10), [&](const RecordPtr&) { return record; }));
  }
  EXPECT_LT(files::file_size(folder_.path() + "/direct/log"), 100'000u);
  bucket->reset();
  auto again = Bucket::Open("direct", folder_.path() + "/direct", **blobs);
  ASSERT_TRUE(again);
  EXPECT_EQ((*again)->Totals().objects, 10u);
  EXPECT_EQ((*again)->Find("k9")->size, 200'099u);
  EXPECT_EQ((*again)->FindUpload("u", "id")->parts.at(3)->size, 7u);
}

TEST_F(StorageTest, ARootHasOneServer) {
  Start();
  auto second = OssServer::Start(options_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().errno_value, EBUSY);
}

}  // namespace
}  // namespace ossfs2::server
