// The vectors of the service's documentation for V1 and V4, and AWS's published examples for S3.
#include "oss/signing/signing.h"

#include <gtest/gtest.h>

#include <string>

#include "oss/signing/encoding.h"
#include "oss/signing/s3_signing.h"
#include "tests/oss/presign.h"

namespace ossfs2::oss {
namespace {

std::string Find(const NameValues& values, const std::string& name) {
  for (const auto& [key, value] : values) {
    if (key == name) return value;
  }
  return "";
}

TEST(SigningV1, PutWithMetadata) {
  const SignableRequest request{"PUT",
                                "examplebucket",
                                "nelson",
                                {},
                                {{"Content-MD5", "eB5eJF1ptWaXm4bijSPyxw=="},
                                 {"Content-Type", "text/html"},
                                 {"x-oss-meta-author", "alice"},
                                 {"x-oss-meta-magic", " abracadabra "},
                                 {"x-oss-date", "Wed, 28 Dec 2022 10:27:41 GMT"}}};
  const std::string text = StringToSignV1(request, "Wed, 28 Dec 2022 10:27:41 GMT");
  EXPECT_EQ(
      text,
      "PUT\neB5eJF1ptWaXm4bijSPyxw==\ntext/html\nWed, 28 Dec 2022 10:27:41 GMT\n"
      "x-oss-date:Wed, 28 Dec 2022 10:27:41 GMT\nx-oss-meta-author:alice\nx-oss-meta-magic:abracadabra\n"
      "/examplebucket/nelson");
  EXPECT_EQ(SignatureV1("sk", text), "kSHKmLxlyEAKtZPkJhG9bZb5k7M=");
}

TEST(SigningV1, SubResourcesAreSorted) {
  const SignableRequest request{"GET",
                                "examplebucket",
                                "",
                                {{"resourceGroup", ""}, {"acl", ""}, {"prefix", "unsigned"}},
                                {{"x-oss-date", "Wed, 28 Dec 2022 10:27:41 GMT"}}};
  const std::string text = StringToSignV1(request, "Wed, 28 Dec 2022 10:27:41 GMT");
  EXPECT_TRUE(text.ends_with("\n/examplebucket/?acl&resourceGroup")) << text;
  EXPECT_EQ(SignatureV1("sk", text), "x3E5TgOvl/i7PN618s5mEvpJDYk=");
}

TEST(SigningV1, Presigned) {
  const SignableRequest request{"GET", "bucket", "key", {{"versionId", "versionId"}}, {}};
  EXPECT_EQ(StringToSignV1(request, "1699807420"), "GET\n\n\n1699807420\n/bucket/key?versionId=versionId");
  const NameValues query = PresignV1(request, {"ak", "sk", ""}, 1699807420);
  EXPECT_EQ(Find(query, "Signature"), "dcLTea+Yh9ApirQ8o8dOPqtvJXQ=");
  EXPECT_EQ(Find(query, "Expires"), "1699807420");
  EXPECT_EQ(Find(query, "OSSAccessKeyId"), "ak");
}

TEST(SigningV1, PresignedWithToken) {
  const SignableRequest request{"GET", "bucket", "key+123", {{"versionId", "versionId"}}, {}};
  const NameValues query =
      PresignV1(request, {"ak", "sk", "attachment; /file/name==example.txt++"}, 1699808204);
  EXPECT_EQ(Find(query, "Signature"), "su58IVk06Q73DHwcMsXft/RTZ98=");
}

TEST(SigningV1, DocumentationExample) {
  const SignableRequest request{"PUT",
                                "oss-example",
                                "nelson",
                                {},
                                {{"Content-Md5", "ODBGOERFMDMzQTczRUY3NUE3NzA5QzdFNUYzMDQxNEM="},
                                 {"Content-Type", "text/html"},
                                 {"X-OSS-Meta-Author", "foo@bar.com"},
                                 {"X-OSS-Magic", "abracadabra"}}};
  EXPECT_EQ(SignatureV1("OtxrzxIsfpFjA7SwPzILwy8Bw21TLhquhboDYROV",
                        StringToSignV1(request, "Thu, 17 Nov 2005 18:49:58 GMT")),
            "26NBxoKdsyly4EDv6inkoDft/yA=");
}

class SigningV4 : public testing::Test {
 protected:
  // `presigned`: the vectors of presigned URLs have another content type and no payload hash.
  static SignableRequest Vector(bool presigned) {
    SignableRequest request{
        "PUT",
        "bucket",
        "1234+-/123/1.txt",
        {{"param1", "value1"},
         {"+param1", "value3"},
         {"|param1", "value4"},
         {"+param2", ""},
         {"|param2", ""},
         {"param2", ""}},
        {{"x-oss-head1", "value"}, {"abc", "value"}, {"ZAbc", "value"}, {"XYZ", "value"}}};
    request.headers.emplace_back("content-type", presigned ? "application/octet-stream" : "text/plain");
    if (!presigned) request.headers.emplace_back("x-oss-content-sha256", "UNSIGNED-PAYLOAD");
    return request;
  }
};

TEST_F(SigningV4, HeaderAuthorization) {
  SignableRequest request = Vector(false);
  SignRequest(request, {"ak", "sk", ""}, SignatureVersion::kV4, "cn-hangzhou", 1702743657);
  EXPECT_EQ(Find(request.headers, "authorization"),
            "OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/oss/aliyun_v4_request,Signature="
            "e21d18daa82167720f9b1047ae7e7f1ce7cb77a31e8203a7d5f4624fa0284afe");
  const std::string canonical = CanonicalRequestV4(request, {});
  EXPECT_EQ(canonical,
            "PUT\n/bucket/1234%2B-/123/1.txt\n"
            "%2Bparam1=value3&%2Bparam2&%7Cparam1=value4&%7Cparam2&param1=value1&param2\n"
            "content-type:text/plain\nx-oss-content-sha256:UNSIGNED-PAYLOAD\nx-oss-date:20231216T162057Z\n"
            "x-oss-head1:value\n\n\nUNSIGNED-PAYLOAD");
  EXPECT_EQ(HexEncode(Sha256(canonical)), "f4613657f1b108998e8dbd10a1aa5da621dc2c6e02c9ddec0f163664848704c4");
}

TEST_F(SigningV4, AdditionalHeadersDropAbsentAndDefaultOnes) {
  for (const std::vector<std::string>& names :
       {std::vector<std::string>{"ZAbc", "abc"}, {"x-oss-no-exist", "ZAbc", "x-oss-head1", "abc"}}) {
    SignableRequest request = Vector(false);
    request.headers.emplace_back("x-oss-date", "20231216T172512Z");
    EXPECT_EQ(SignatureV4("sk", {"20231216T172512Z", "cn-hangzhou"}, CanonicalRequestV4(request, names)),
              "4a4183c187c07c8947db7620deb0a6b38d9fbdd34187b6dbaccb316fa251212f");
  }
  EXPECT_EQ(CanonicalRequestV4(Vector(false), {"x-oss-head1", "host"}), CanonicalRequestV4(Vector(false), {}));
}

TEST_F(SigningV4, CloudBox) {
  SignableRequest request = Vector(false);
  request.headers.emplace_back("x-oss-date", "20231216T162057Z");
  EXPECT_EQ(
      SignatureV4("sk", {"20231216T162057Z", "cb-123", "oss-cloudbox"}, CanonicalRequestV4(request, {})),
      "94ce1f12c17d148ea681030275a94449d3357f5b5b21133996eec80af3e08a43");
}

TEST_F(SigningV4, Presigned) {
  NameValues query = PresignV4(Vector(true), {"ak", "sk", ""}, "cn-hangzhou", 1702781677, 599);
  EXPECT_EQ(Find(query, "x-oss-signature"),
            "a39966c61718be0d5b14e668088b3fa07601033f6518ac7b523100014269c0fe");
  query = PresignV4(Vector(true), {"ak", "sk", "token"}, "cn-hangzhou", 1702785388, 599);
  EXPECT_EQ(Find(query, "x-oss-signature"),
            "3817ac9d206cd6dfc90f1c09c00be45005602e55898f26f5ddb06d7892e1f8b5");
}

TEST_F(SigningV4, KeyWithSpecialCharacters) {
  const SignableRequest request{"PUT",
                                "oss-bucket-test",
                                "test-sign-V4/-!@#$%^&*()/abcdefjhijklmnoqprstuvwxyz/123456789",
                                {},
                                {{"content-type", "application/octet-stream"},
                                 {"x-oss-content-sha256", "UNSIGNED-PAYLOAD"},
                                 {"x-oss-date", "20221016T091431Z"},
                                 {"x-oss-head1", "value"}}};
  const std::string canonical = CanonicalRequestV4(request, {});
  EXPECT_NE(canonical.find(
                "/oss-bucket-test/test-sign-V4/-%21%40%23%24%25%5E%26%2A%28%29/abcdefjhijklmnoqprstuvwxyz/"
                "123456789\n"),
            std::string::npos);
  EXPECT_EQ(SignatureV4("sk", {"20221016T091431Z", "cn-hangzhou"}, canonical),
            "5028172a0a3806285979896982bee6e36e915cbf428ee7100a809e1f0ff43b64");
}

TEST_F(SigningV4, TokenIsSignedAndSigningTwiceIsTheSame) {
  SignableRequest request = Vector(false);
  SignRequest(request, {"ak", "sk", "token"}, SignatureVersion::kV4, "cn-hangzhou", 1702743657);
  EXPECT_EQ(Find(request.headers, "x-oss-security-token"), "token");
  const NameValues once = request.headers;
  SignRequest(request, {"ak", "sk", "token"}, SignatureVersion::kV4, "cn-hangzhou", 1702743657);
  EXPECT_EQ(Find(request.headers, "authorization"), Find(once, "authorization"));
  EXPECT_EQ(request.headers.size(), once.size());
}

TEST(Signing, AnonymousSendsOnlyTheDate) {
  SignableRequest request{"GET", "bucket", "key", {}, {}};
  SignRequest(request, {}, SignatureVersion::kV4, "cn-hangzhou", 1672223261);
  EXPECT_EQ(request.headers, (NameValues{{"date", "Wed, 28 Dec 2022 10:27:41 GMT"}}));
}

TEST(Signing, EmptyResourcePaths) {
  EXPECT_EQ(StringToSignV1({"GET", "", "", {}, {}}, "d"), "GET\n\n\nd\n/");
  EXPECT_EQ(StringToSignV1({"GET", "b", "", {}, {}}, "d"), "GET\n\n\nd\n/b/");
}

// The examples of AWS's documentation for S3 signature V4 (key AKIAIOSFODNN7EXAMPLE).
constexpr std::string_view kAwsSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
constexpr std::string_view kEmptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

TEST(SigningS3, GetObjectExample) {
  const NameValues headers{{"Host", "examplebucket.s3.amazonaws.com"},
                           {"Range", "bytes=0-9"},
                           {"x-amz-content-sha256", std::string(kEmptyHash)},
                           {"x-amz-date", "20130524T000000Z"}};
  const std::string canonical = S3CanonicalRequest(
      "GET", "/test.txt", {}, headers, {"host", "range", "x-amz-content-sha256", "x-amz-date"}, kEmptyHash);
  EXPECT_EQ(S3Signature(kAwsSecret, {"20130524T000000Z", "us-east-1"}, canonical),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(SigningS3, LifecycleQueryKeepsTheEqualsSign) {
  const NameValues headers{{"Host", "examplebucket.s3.amazonaws.com"},
                           {"x-amz-content-sha256", std::string(kEmptyHash)},
                           {"x-amz-date", "20130524T000000Z"}};
  const std::string canonical = S3CanonicalRequest(
      "GET", "/", {{"lifecycle", ""}}, headers, {"host", "x-amz-content-sha256", "x-amz-date"}, kEmptyHash);
  EXPECT_EQ(S3Signature(kAwsSecret, {"20130524T000000Z", "us-east-1"}, canonical),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

TEST(SigningS3, FirstChunkExample) {
  EXPECT_EQ(S3ChunkSignature(kAwsSecret, {"20130524T000000Z", "us-east-1"},
                             "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
                             HexEncode(Sha256(std::string(65536, 'a')))),
            "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648");
}

}  // namespace
}  // namespace ossfs2::oss
