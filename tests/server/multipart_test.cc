// Multipart uploads: parts, part copies, completion, its checks, and lists of them.
#include <random>

#include "base/values/crc64.h"
#include "base/values/str.h"
#include "oss/signing/encoding.h"
#include "server/operations/limits.h"
#include "tests/server/test_client.h"

namespace ossfs2::server {
namespace {

class MultipartTest : public ServerTest {
 protected:
  void SetUp() override { Start(); }
  static std::string Bytes(size_t size, uint64_t seed) {
    std::mt19937_64 random(seed);
    std::string out(size, 0);
    for (char& c : out) c = static_cast<char>(random());
    return out;
  }
  Answer Part(const std::string& key, const std::string& id, int number, const std::string& body,
              NameValues headers = {}) {
    return Do("PUT", key, {{"partNumber", StrCat(number)}, {"uploadId", id}}, body, std::move(headers));
  }
  Answer Complete(const std::string& key, const std::string& id,
                  const std::vector<std::pair<int, std::string>>& parts, NameValues headers = {}) {
    std::string xml = "<CompleteMultipartUpload>";
    for (const auto& [number, etag] : parts) {
      xml += StrCat("<Part><PartNumber>", number, "</PartNumber><ETag>", etag, "</ETag></Part>");
    }
    return Do("POST", key, {{"uploadId", id}}, xml + "</CompleteMultipartUpload>", std::move(headers));
  }
  static std::string CrcText(const std::string& body) { return StrCat(Crc64(0, body.data(), body.size())); }
};

TEST_F(MultipartTest, PartsMakeAnObject) {
  const std::string first = Bytes(150'000, 1);
  const std::string last = Bytes(10, 2);
  const std::string id = Do("POST", "k", {{"uploads", ""}}, "", {{"x-oss-meta-a", "1"}}).Element("UploadId");
  EXPECT_EQ(id.size(), 32u);
  Part("k", id, 1, "will be replaced");
  const Answer one = Part("k", id, 1, first);
  EXPECT_EQ(one.Header("x-oss-hash-crc64ecma"), CrcText(first));
  EXPECT_EQ(one.Header("ETag"), StrCat("\"", oss::HexEncodeUpper(oss::Md5(first)), "\""));
  const Answer nine = Part("k", id, 9, last);
  Part("k", id, 10, "not asked for");
  EXPECT_EQ(Do("GET", "k").status, 404);
  const Answer done = Complete("k", id, {{1, one.Header("ETag")}, {9, nine.Header("ETag")}});
  EXPECT_EQ(done.status, 200);
  EXPECT_EQ(done.Header("x-oss-hash-crc64ecma"), CrcText(first + last));
  EXPECT_EQ(done.Element("ETag"), done.Header("ETag"));
  EXPECT_THAT(done.Header("ETag"), testing::EndsWith("-2\""));
  const Answer get = Do("GET", "k");
  EXPECT_EQ(get.body, first + last);
  EXPECT_EQ(get.Header("x-oss-object-type"), "Multipart");
  EXPECT_EQ(get.Header("x-oss-meta-a"), "1");
  EXPECT_EQ(Do("GET", "k", {}, "", {{"Range", "bytes=149990-150004"}}).body,
            (first + last).substr(149'990, 15));
  EXPECT_EQ(Complete("k", id, {{1, one.Header("ETag")}}).Code(), "NoSuchUpload");
  EXPECT_EQ(Part("k", id, 1, "x").Code(), "NoSuchUpload");
}

TEST_F(MultipartTest, ChecksOfComplete) {
  const std::string id = NewUpload("k");
  const std::string small = Part("k", id, 1, "small").Header("ETag");
  const std::string other = Part("k", id, 2, "other").Header("ETag");
  EXPECT_EQ(Complete("k", id, {{2, other}, {1, small}}).Code(), "InvalidPartOrder");
  EXPECT_EQ(Complete("k", id, {{1, small}, {2, other}}).Code(), "EntityTooSmall");
  EXPECT_EQ(Complete("k", id, {{1, other}}).Code(), "InvalidPart");
  EXPECT_EQ(Complete("k", id, {{3, other}}).Code(), "InvalidPart");
  EXPECT_EQ(Complete("k", id, {}).Code(), "MalformedXML");
  EXPECT_EQ(Part("k", id, 0, "x").Code(), "InvalidArgument");
  EXPECT_EQ(Part("k", id, 10'001, "x").Code(), "InvalidArgument");
  EXPECT_EQ(Part("other key", id, 1, "x").Code(), "NoSuchUpload");
  Do("PUT", "k", {}, "present");
  EXPECT_EQ(Complete("k", id, {{1, small}}, {{"x-oss-forbid-overwrite", "true"}}).Code(),
            "FileAlreadyExists");
  EXPECT_EQ(Do("GET", "k").body, "present");
  EXPECT_EQ(Complete("k", id, {{1, LowerCase(small.substr(1, small.size() - 2))}}).status, 200);
  EXPECT_EQ(Do("GET", "k").body, "small");
}

TEST_F(MultipartTest, CompleteAll) {
  const std::string id = NewUpload("k");
  const std::string first = Bytes(kPartBytesMin, 1);
  Part("k", id, 5, first);
  Part("k", id, 7, "end");
  EXPECT_EQ(Do("POST", "k", {{"uploadId", id}}, "", {{"x-oss-complete-all", "yes"}}).status, 200);
  EXPECT_EQ(Do("GET", "k").body, first + "end");
}

TEST_F(MultipartTest, PartCopiesOfRanges) {
  const std::string a = Bytes(300'000, 1);
  const std::string source_id = NewUpload("source");
  const std::string e1 = Part("source", source_id, 1, a.substr(0, 200'000)).Header("ETag");
  const std::string e2 = Part("source", source_id, 2, a.substr(200'000)).Header("ETag");
  ASSERT_EQ(Complete("source", source_id, {{1, e1}, {2, e2}}).status, 200);
  const std::string id = NewUpload("k");
  const auto copy = [&](int number, const std::string& range) {
    return Part("k", id, number, "",
                {{"x-oss-copy-source", "/bkt/source"}, {"x-oss-copy-source-range", range}});
  };
  const Answer middle = copy(1, "bytes=100000-249999");
  EXPECT_EQ(middle.Element("ETag"), middle.Header("ETag"));
  EXPECT_EQ(middle.Header("x-oss-hash-crc64ecma"), "") << "the service tells it of uploaded parts only";
  const Answer whole = copy(2, "bytes=0-300000");  // outside: the whole source
  EXPECT_EQ(copy(3, "bytes=5-3").Code(), "InvalidArgument");
  const Answer done = Complete("k", id, {{1, middle.Header("ETag")}, {2, whole.Header("ETag")}});
  EXPECT_EQ(done.Header("x-oss-hash-crc64ecma"), CrcText(a.substr(100'000, 150'000) + a));
  Do("DELETE", "source");
  EXPECT_EQ(Do("GET", "k").body, a.substr(100'000, 150'000) + a);
}

TEST_F(MultipartTest, PartCopyOfSyntheticKnowsItsCrc) {
  Stop();
  options_.synthetic = {{"big", 3ull << 30, 1}};
  Start();
  const std::string id = NewUpload("k");
  const Answer part =
      Part("k", id, 1, "",
           {{"x-oss-copy-source", "/bkt/big"}, {"x-oss-copy-source-range", "bytes=12345-5012344"}});
  const std::string bytes = Do("GET", "big", {}, "", {{"Range", "bytes=12345-5012344"}}).body;
  EXPECT_EQ(Complete("k", id, {{1, part.Header("ETag")}}).Header("x-oss-hash-crc64ecma"), CrcText(bytes));
}

TEST_F(MultipartTest, ListsOfPartsAndUploads) {
  const std::string id = NewUpload("d/a");
  for (int i = 1; i <= 5; ++i) Part("d/a", id, i * 2, std::string(static_cast<size_t>(i), 'x'));
  const Answer page = Do("GET", "d/a", {{"uploadId", id}, {"max-parts", "2"}, {"part-number-marker", "2"}});
  EXPECT_THAT(page.body, testing::HasSubstr("<PartNumber>4</PartNumber>"));
  EXPECT_THAT(page.body, testing::HasSubstr("<PartNumber>6</PartNumber>"));
  EXPECT_THAT(page.body, testing::Not(testing::HasSubstr("<PartNumber>8</PartNumber>")));
  EXPECT_EQ(page.Element("NextPartNumberMarker"), "6");
  EXPECT_EQ(page.Element("IsTruncated"), "true");
  const std::string b = NewUpload("d/b");
  const std::string c = NewUpload("e");
  const Answer all = Do("GET", "", {{"uploads", ""}, {"prefix", "d/"}, {"max-uploads", "1"}});
  EXPECT_EQ(all.Element("UploadId"), id);
  EXPECT_EQ(all.Element("IsTruncated"), "true");
  const Answer next = Do("GET", "",
                         {{"uploads", ""},
                          {"key-marker", all.Element("NextKeyMarker")},
                          {"upload-id-marker", all.Element("NextUploadIdMarker")}});
  EXPECT_EQ(next.Element("UploadId"), b);
  EXPECT_THAT(next.body, testing::HasSubstr(c));
  EXPECT_THAT(Do("GET", "", {{"uploads", ""}, {"delimiter", "/"}}).body,
              testing::HasSubstr("<CommonPrefixes><Prefix>d/</Prefix></CommonPrefixes>"));
  EXPECT_EQ(Do("DELETE", "d/b", {{"uploadId", b}}).status, 204);
  EXPECT_EQ(Do("DELETE", "d/b", {{"uploadId", b}}).Code(), "NoSuchUpload");
  EXPECT_EQ(Do("GET", "d/b", {{"uploadId", b}}).Code(), "NoSuchUpload");
}

}  // namespace
}  // namespace ossfs2::server
