// What a bucket decides for its objects, and which requests are control and which are for an object.
#include "base/values/str.h"
#include "tests/server/test_client.h"

namespace ossfs2::server {
namespace {

class BucketTest : public ServerTest {
 protected:
  void StartWith(const std::string& storage_class) {
    options_.storage_class = storage_class;
    Start();
  }
  Answer Append(const std::string& key, NameValues headers = {}) {
    return Do("POST", key, {{"append", ""}, {"position", "0"}}, "x", std::move(headers));
  }
  Answer Send(const std::string& text) {
    RawConnection connection(port());
    connection.Send(text);
    return connection.Read();
  }
};

TEST_F(BucketTest, GivesItsStorageClass) {
  StartWith("Archive");
  Do("PUT", "a", {}, "x");
  EXPECT_EQ(Do("HEAD", "a").Header("x-oss-storage-class"), "Archive");
  EXPECT_EQ(Do("GET", "a").Code(), "InvalidObjectState");
  EXPECT_EQ(Do("PUT", "b", {}, "", {{"x-oss-copy-source", "/bkt/a"}}).Code(), "InvalidObjectState");
  Do("PUT", "c", {}, "x", {{"x-oss-storage-class", "Standard"}});
  EXPECT_EQ(Do("GET", "c").body, "x");
  EXPECT_EQ(Do("GET", "", {{"bucketInfo", ""}}).Element("StorageClass"), "Archive");
}

TEST_F(BucketTest, AppendsTakeNeitherAKeyNorColdArchive) {
  StartWith("Standard");
  EXPECT_EQ(Append("a", {{"x-oss-server-side-encryption", "KMS"}, {"x-oss-server-side-encryption-key-id", "k"}}).status,
            400);
  EXPECT_EQ(Append("a", {{"x-oss-storage-class", "ColdArchive"}}).Header("x-oss-ec"), "0016-00000503");
  EXPECT_EQ(Append("a", {{"x-oss-server-side-encryption", "KMS"}, {"x-oss-storage-class", "IA"}}).status, 200);
  Stop();
  StartWith("DeepColdArchive");
  EXPECT_EQ(Append("b").status, 400);
}

TEST_F(BucketTest, AFolderCalledDashIsReachedByTheBucketsOwnHost) {
  options_.public_access = true;
  options_.addressing.cnames = {{"files.test", "bkt"}};
  Start();
  EXPECT_EQ(Send("PUT /-/stats HTTP/1.1\r\nHost: files.test\r\nContent-Length: 1\r\n\r\nx").status, 200);
  const Answer got = Send("GET /-/stats HTTP/1.1\r\nHost: files.test\r\n\r\n");
  EXPECT_EQ(got.body, "x");
  EXPECT_NE(got.Header("x-oss-request-id"), "");
  EXPECT_EQ(Admin("GET", "/-/health").body, "ok\n");
}

TEST_F(BucketTest, KeysAreNotChangedFromAfar) {
  options_.http.address = "0.0.0.0";
  Start();
  for (const char* query : {"key=a:b", "expire_key=test-id", "remove_key=test-id"})
    EXPECT_EQ(Admin("POST", StrCat("/-/config?", query)).status, 400) << query;
  EXPECT_EQ(Do("PUT", "a", {}, "x").status, 200);
  EXPECT_EQ(Admin("POST", "/-/config?latency=0").status, 200);
}

TEST_F(BucketTest, AMalformedRequestHasOneId) {
  Start();
  const Answer answer = Send("NONSENSE\r\n\r\n");
  EXPECT_NE(answer.Header("x-oss-request-id"), "");
  EXPECT_EQ(answer.Element("RequestId"), answer.Header("x-oss-request-id"));
}

}  // namespace
}  // namespace ossfs2::server
