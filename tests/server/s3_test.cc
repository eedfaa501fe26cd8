// The S3 face: signatures, chunk-signed bodies, small differences of the dialect. (Real S3 clients:
// tests/server_clients.)
#include <ctime>

#include "base/values/str.h"
#include "oss/signing/encoding.h"
#include "oss/signing/s3_signing.h"
#include "server/operations/limits.h"
#include "tests/server/test_client.h"

namespace ossfs2::server {
namespace {

class S3Test : public ServerTest {
 protected:
  void SetUp() override { Start(); }

  struct Signed {
    std::string head;  // with the empty line
    std::string signature;
    oss::S3Scope scope;
  };
  Signed Sign(const std::string& method, const std::string& path, const NameValues& query, NameValues headers,
              const std::string& payload_hash, const std::string& secret = "test-secret") {
    Signed out;
    out.scope = {oss::IsoBasicDate(std::time(nullptr)), "cn-hangzhou", "s3"};
    headers.emplace_back("host", "127.0.0.1");
    headers.emplace_back("x-amz-content-sha256", payload_hash);
    headers.emplace_back("x-amz-date", out.scope.iso_time);
    const std::vector<std::string> names = {"host", "x-amz-content-sha256", "x-amz-date"};
    out.signature = oss::S3Signature(
        secret, out.scope, oss::S3CanonicalRequest(method, path, query, headers, names, payload_hash));
    std::string target = path;
    for (const auto& [name, value] : query) target += StrCat(target == path ? "?" : "&", name, "=", value);
    out.head = StrCat(method, " ", target, " HTTP/1.1\r\n");
    for (const auto& [name, value] : headers) out.head += StrCat(name, ": ", value, "\r\n");
    out.head +=
        StrCat("Authorization: AWS4-HMAC-SHA256 Credential=test-id/", out.scope.iso_time.substr(0, 8),
               "/cn-hangzhou/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=",
               out.signature, "\r\n\r\n");
    return out;
  }
  Answer Send(const std::string& bytes, bool head_only = false) {
    RawConnection connection(port());
    connection.Send(bytes);
    return connection.Read(head_only);
  }
  Answer PutChunks(const std::vector<std::string>& chunks, bool tamper) {
    std::string body;
    size_t decoded = 0;
    for (const std::string& chunk : chunks) decoded += chunk.size();
    const NameValues headers = {{"x-amz-decoded-content-length", StrCat(decoded)},
                                {"content-encoding", "aws-chunked"}};
    const auto frame = [&](const Signed& sign) {
      std::string out;
      std::string previous = sign.signature;
      for (const std::string& chunk : chunks) {
        previous =
            oss::S3ChunkSignature("test-secret", sign.scope, previous, oss::HexEncode(oss::Sha256(chunk)));
        char size[20];
        std::snprintf(size, sizeof(size), "%zx", chunk.size());
        out += StrCat(size, ";chunk-signature=", previous, "\r\n", chunk, "\r\n");
      }
      return out;
    };
    const size_t length = frame(Signed{"", std::string(64, '0'), {"20200101T000000Z", "r", "s3"}}).size();
    NameValues with_length = headers;
    with_length.emplace_back("content-length", StrCat(length));
    const Signed sign = Sign("PUT", "/bkt/chunked", {}, with_length, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    body = frame(sign);
    if (tamper) body[body.find("\r\n") + 2] ^= 1;
    return Send(sign.head + body);
  }
};

TEST_F(S3Test, SignedRequestsAndDialect) {
  Do("PUT", "a", {}, "0123456789");
  const std::string hash = "UNSIGNED-PAYLOAD";
  const Answer get = Send(Sign("GET", "/bkt/a", {}, {{"range", "bytes=5-100"}}, hash).head);
  EXPECT_EQ(get.status, 206);
  EXPECT_EQ(get.body, "56789");
  EXPECT_EQ(get.Header("ETag"), "\"781e5e245d69b566979b86e28d23f2c7\"");
  EXPECT_NE(get.Header("x-amz-request-id"), "");
  EXPECT_EQ(Send(Sign("GET", "/bkt/a", {}, {{"range", "bytes=10-"}}, hash).head).status, 416);
  const Answer head = Send(Sign("HEAD", "/bkt/absent", {}, {}, hash).head, true);
  EXPECT_EQ(head.status, 404);
  EXPECT_EQ(head.Header("x-oss-err"), "");
  EXPECT_EQ(Send(Sign("GET", "/bkt", {{"list-type", "2"}}, {}, hash).head).Element("MaxKeys"), "1000");
  const Answer wrong = Send(Sign("GET", "/bkt/a", {}, {}, hash, "wrong").head);
  EXPECT_EQ(wrong.Code(), "SignatureDoesNotMatch");
  EXPECT_NE(wrong.Element("CanonicalRequest"), "");
  EXPECT_EQ(
      Send(Sign("PUT", "/bkt/a", {}, {{"if-none-match", "*"}, {"content-length", "0"}}, hash).head).status,
      412);
}

TEST_F(S3Test, ListsAndHeadsNameOneClass) {
  Do("PUT", "cold", {}, "x", {{"x-oss-storage-class", "ColdArchive"}});
  const std::string hash = "UNSIGNED-PAYLOAD";
  EXPECT_EQ(Send(Sign("HEAD", "/bkt/cold", {}, {}, hash).head, true).Header("x-amz-storage-class"), "DEEP_ARCHIVE");
  EXPECT_EQ(Send(Sign("GET", "/bkt", {{"list-type", "2"}}, {}, hash).head).Element("StorageClass"), "DEEP_ARCHIVE");
}

TEST_F(S3Test, ChunkSignedBodies) {
  const std::string first(70'000, 'x');
  EXPECT_EQ(PutChunks({first, "second", ""}, false).status, 200);
  const Answer get = Do("GET", "chunked");
  EXPECT_EQ(get.body, first + "second");
  EXPECT_EQ(get.Header("Content-Encoding"), "");
  EXPECT_EQ(PutChunks({"third", ""}, true).Code(), "IncompleteBody");
  EXPECT_EQ(Do("GET", "chunked").body, first + "second");
}

TEST_F(S3Test, SignedHashesOfBodiesAreCompared) {
  const auto put = [&](const std::string& body, const std::string& hash) {
    return Send(Sign("PUT", "/bkt/h", {}, {{"content-length", StrCat(body.size())}}, hash).head + body);
  };
  const std::string of_hello = oss::HexEncode(oss::Sha256("hello"));
  EXPECT_EQ(put("hello", of_hello).status, 200);
  EXPECT_EQ(put("hellO", of_hello).Code(), "XAmzContentSHA256Mismatch");
  EXPECT_EQ(put("", of_hello).Code(), "XAmzContentSHA256Mismatch");
  EXPECT_EQ(put("", oss::HexEncode(oss::Sha256(""))).status, 200);
  EXPECT_EQ(put("hello", of_hello).status, 200);
  EXPECT_EQ(put("other", "e3b0c442").Code(), "InvalidArgument");
  EXPECT_EQ(Do("GET", "h").body, "hello");
}

// Hashing what is thrown away would take more of the machine than receiving it, and of S3 clients only.
TEST_F(S3Test, DiscardedBodiesAreNotHashed) {
  Stop();
  options_.discard = true;
  Start();
  const std::string body(kMd5BytesMax + 1, 'x');
  const std::string wrong = oss::HexEncode(oss::Sha256("something else"));
  const NameValues headers = {{"content-length", StrCat(body.size())},
                              {"content-md5", oss::Base64Encode(oss::Md5("something else"))}};
  const Answer put = Send(Sign("PUT", "/bkt/h", {}, headers, wrong).head + body);
  EXPECT_EQ(put.status, 200);
  EXPECT_TRUE(put.Header("ETag").ends_with("-1\"")) << put.Header("ETag");  // no client takes it for an MD5
  EXPECT_EQ(PutChunks({std::string(70'000, 'x'), "second", ""}, true).status, 200);
  EXPECT_EQ(Do("HEAD", "chunked").Header("Content-Length"), "70006");
}

TEST_F(S3Test, TheScopeMustNameTheRegion) {
  Stop();
  options_.region = "cn-beijing";  // these tests sign for cn-hangzhou
  Start();
  const Answer answer = Send(Sign("GET", "/bkt/a", {}, {}, "UNSIGNED-PAYLOAD").head);
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.Code(), "AuthorizationHeaderMalformed");
  EXPECT_EQ(answer.Element("Region"), "cn-beijing");
}

TEST_F(S3Test, UnsignedChunksWithTrailers) {
  const std::string body = "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
  const NameValues headers = {{"x-amz-decoded-content-length", "5"}, {"content-length", StrCat(body.size())}};
  EXPECT_EQ(Send(Sign("PUT", "/bkt/t", {}, headers, "STREAMING-UNSIGNED-PAYLOAD-TRAILER").head + body).status,
            200);
  EXPECT_EQ(Do("GET", "t").body, "hello");
}

}  // namespace
}  // namespace ossfs2::server
