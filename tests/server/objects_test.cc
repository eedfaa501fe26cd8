// Objects: what is put comes back, with the right headers, ranges, conditions and errors.
#include <ctime>

#include "base/values/crc64.h"
#include "base/values/str.h"
#include "oss/signing/encoding.h"
#include "tests/server/test_client.h"

namespace ossfs2::server {
namespace {

class ObjectsTest : public ServerTest {
 protected:
  void SetUp() override { Start(); }
  static std::string CrcText(const std::string& body) { return StrCat(Crc64(0, body.data(), body.size())); }
};

TEST_F(ObjectsTest, PutHeadGetMeta) {
  const std::string body = "0123456789";
  const Answer put =
      Do("PUT", "d/ü +&", {}, body,
         {{"Content-Type", "text/x"}, {"x-oss-meta-name", "v"}, {"Cache-Control", "no-store"}});
  EXPECT_EQ(put.status, 200);
  EXPECT_EQ(put.Header("ETag"), "\"781E5E245D69B566979B86E28D23F2C7\"");
  EXPECT_EQ(put.Header("x-oss-hash-crc64ecma"), CrcText(body));
  const Answer head = Do("HEAD", "d/ü +&");
  EXPECT_EQ(head.Header("Content-Length"), "10");
  EXPECT_EQ(head.Header("x-oss-object-type"), "Normal");
  EXPECT_EQ(head.Header("x-oss-storage-class"), "Standard");
  EXPECT_EQ(head.Header("Content-MD5"), "eB5eJF1ptWaXm4bijSPyxw==");
  EXPECT_EQ(head.Header("Last-Modified").size(), 29u);
  const Answer get = Do("GET", "d/ü +&");
  EXPECT_EQ(get.body, body);
  EXPECT_EQ(get.Header("Content-Type"), "text/x");
  EXPECT_EQ(get.Header("x-oss-meta-name"), "v");
  EXPECT_EQ(get.Header("Cache-Control"), "no-store");
  const Answer meta = Do("HEAD", "d/ü +&", {{"objectMeta", ""}});
  EXPECT_EQ(meta.Header("Content-Length"), "10");
  EXPECT_EQ(meta.Header("x-oss-meta-name"), "");
  const Answer changed = Do("GET", "d/ü +&", {{"response-content-type", "a/b"}});
  EXPECT_EQ(changed.Header("Content-Type"), "a/b");
  EXPECT_EQ(Do("PUT", "empty", {}, "").Header("x-oss-hash-crc64ecma"), "0");
  EXPECT_EQ(Do("GET", "empty").body, "");
}

TEST_F(ObjectsTest, LargeBodiesGetACheapUniqueEtag) {
  const std::string body(3 << 20, 'x');
  const Answer put = Do("PUT", "a", {}, body);
  EXPECT_EQ(put.Header("x-oss-hash-crc64ecma"), CrcText(body));
  EXPECT_THAT(put.Header("ETag"), testing::EndsWith("-1\""));
  const Answer with_md5 = Do("PUT", "a", {}, body, {{"Content-MD5", oss::Base64Encode(oss::Md5(body))}});
  EXPECT_EQ(with_md5.Header("ETag"), StrCat("\"", oss::HexEncodeUpper(oss::Md5(body)), "\""));
  EXPECT_EQ(Do("GET", "a").body, body);
}

TEST_F(ObjectsTest, ChecksOfUploads) {
  EXPECT_EQ(Do("PUT", "a", {}, "x", {{"Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg=="}}).Code(), "InvalidDigest");
  EXPECT_EQ(Do("PUT", "a", {}, "x", {{"x-oss-hash-crc64ecma", "1"}}).Code(), "InvalidCRC64");
  EXPECT_EQ(Do("PUT", "a", {}, "x", {{"x-oss-hash-crc64ecma", CrcText("x")}}).status, 200);
  EXPECT_EQ(Do("PUT", "a", {}, "y", {{"x-oss-forbid-overwrite", "true"}}).Code(), "FileAlreadyExists");
  EXPECT_EQ(Do("PUT", "a", {}, "y", {{"If-None-Match", "*"}}).Code(), "NotImplemented");
  EXPECT_EQ(Do("PUT", "a", {}, "y", {{"x-oss-meta-a", std::string(9000, 'x')}}).Code(), "InvalidArgument");
  EXPECT_EQ(Do("PUT", "a", {}, "y", {{"x-oss-meta-a_b", "x"}}).Code(), "InvalidArgument");
  EXPECT_EQ(Do("PUT", "a", {}, "y", {{"x-oss-storage-class", "Fast"}}).Code(), "InvalidArgument");
  for (const char* name : {"x-oss-meta-a.b", "x-oss-meta-a~b", "x-oss-meta-"})
    EXPECT_EQ(Do("PUT", "a", {}, "y", {{name, "x"}}).Code(), "InvalidArgument") << name;
  EXPECT_EQ(Do("PUT", "a", {}, "y", {{"x-oss-object-acl", "secret"}}).Code(), "InvalidArgument");
  EXPECT_EQ(Do("PUT", "a", {}, "y", {{"x-oss-server-side-encryption", "ROT13"}}).Code(),
            "InvalidEncryptionAlgorithmError");
  for (const char* tags : {"a=b=c", "=b", "a=1&a=2", "a=%23", "a=1&", "1&2&3&4&5&6&7&8&9&10&11"})
    EXPECT_EQ(Do("PUT", "a", {}, "y", {{"x-oss-tagging", tags}}).Code(), "InvalidTag") << tags;
  EXPECT_EQ(Do("PUT", "tagged", {}, "y", {{"x-oss-tagging", "a=b%3Dc&d"}, {"x-oss-object-acl", "private"}}).status,
            200);
  EXPECT_EQ(Do("PUT", std::string(1024, 'k'), {}, "x").Code(), "InvalidObjectName");
  EXPECT_EQ(Do("PUT", "/k", {}, "x").Code(), "InvalidObjectName");
  EXPECT_EQ(Do("PUT", "caf\xe9", {}, "x").Code(), "InvalidObjectName");
  EXPECT_EQ(Do("GET", "a").body, "x");
  EXPECT_EQ(Do("PATCH", "a").Code(), "MethodNotAllowed");
}

TEST_F(ObjectsTest, Ranges) {
  std::string body;
  for (int i = 0; i < 1000; ++i) body += static_cast<char>(i);
  ASSERT_EQ(Do("PUT", "a", {}, body).status, 200);
  ASSERT_EQ(Do("PUT", "empty", {}, "").status, 200);
  struct Case {
    const char* range;
    int legacy;
    int standard;
    const char* content_range;
  };
  for (const Case& c :
       {Case{"bytes=0-499", 206, 206, "bytes 0-499/1000"},
        Case{"bytes=500-2000", 200, 206, "bytes 500-999/1000"}, Case{"bytes=1000-2000", 200, 416, ""},
        Case{"bytes=1000-", 200, 416, ""}, Case{"bytes=990-", 206, 206, "bytes 990-999/1000"},
        Case{"bytes=-10", 206, 206, "bytes 990-999/1000"}, Case{"bytes=-2000", 200, 206, "bytes 0-999/1000"},
        Case{"byte=0-4", 200, 200, ""}, Case{"bytes=0-1,5-6", 206, 416, "bytes 0-1/1000"}}) {
    const Answer legacy = Do("GET", "a", {}, "", {{"Range", c.range}});
    EXPECT_EQ(legacy.status, c.legacy) << c.range;
    EXPECT_EQ(legacy.body == body, c.legacy == 200) << c.range;
    const Answer standard =
        Do("GET", "a", {}, "", {{"Range", c.range}, {"x-oss-range-behavior", "standard"}});
    EXPECT_EQ(standard.status, c.standard) << c.range;
    EXPECT_EQ(standard.Code(), c.standard == 416 ? "InvalidRange" : "");
    if (c.standard != 206) continue;
    EXPECT_EQ(standard.Header("Content-Range"), c.content_range);
    EXPECT_EQ(standard.Header("x-oss-hash-crc64ecma"), CrcText(body));
    const int first = std::atoi(c.content_range + 6);
    EXPECT_EQ(standard.body, body.substr(static_cast<size_t>(first), standard.body.size()));
  }
  EXPECT_EQ(Do("GET", "empty", {}, "", {{"Range", "bytes=0-0"}, {"x-oss-range-behavior", "standard"}}).status,
            416);
  EXPECT_EQ(Do("GET", "empty", {}, "", {{"Range", "bytes=0-0"}}).status, 200);
}

TEST_F(ObjectsTest, Conditions) {
  const std::string etag = Do("PUT", "a", {}, "x").Header("ETag");
  const std::string bare = etag.substr(1, etag.size() - 2);
  const std::string past = oss::HttpDate(std::time(nullptr) - 1000);
  const std::string future = oss::HttpDate(std::time(nullptr) + 1000);
  for (const char* method : {"GET", "HEAD"}) {
    const auto status = [&](const char* name, const std::string& value) {
      return Do(method, "a", {}, "", {{name, value}}).status;
    };
    EXPECT_EQ(status("If-Match", etag), 200);
    EXPECT_EQ(status("If-Match", LowerCase(bare)), 200);
    EXPECT_EQ(status("If-Match", "\"0\""), 412);
    EXPECT_EQ(status("If-None-Match", etag), 304);
    EXPECT_EQ(status("If-None-Match", "\"0\""), 200);
    EXPECT_EQ(status("If-Modified-Since", future), 304);
    EXPECT_EQ(status("If-Modified-Since", past), 200);
    EXPECT_EQ(status("If-Unmodified-Since", past), 412);
    EXPECT_EQ(status("If-Unmodified-Since", future), 200);
  }
}

TEST_F(ObjectsTest, DeleteAndDeleteMany) {
  for (const char* key : {"a", "b", "c <&> \t", "d"}) ASSERT_EQ(Do("PUT", key, {}, "x").status, 200);
  EXPECT_EQ(Do("DELETE", "a").status, 204);
  EXPECT_EQ(Do("DELETE", "a").status, 204);
  EXPECT_EQ(Do("GET", "a").Code(), "NoSuchKey");
  const auto many = [&](const std::string& xml) {
    return Do("POST", "", {{"delete", ""}}, xml, {{"Content-MD5", oss::Base64Encode(oss::Md5(xml))}});
  };
  const Answer loud =
      many("<Delete><Object><Key>b</Key></Object><Object><Key>absent</Key></Object></Delete>");
  EXPECT_EQ(loud.status, 200);
  EXPECT_THAT(loud.body,
              testing::HasSubstr("<Deleted><Key>b</Key></Deleted><Deleted><Key>absent</Key></Deleted>"));
  const Answer quiet =
      many("<Delete><Quiet>true</Quiet><Object><Key>c &lt;&amp;&gt; &#x9;</Key></Object></Delete>");
  EXPECT_EQ(quiet.status, 200);
  EXPECT_EQ(quiet.body, "");
  EXPECT_EQ(Do("HEAD", "c <&> \t").status, 404);
  EXPECT_EQ(many("<Delete>").Code(), "MalformedXML");
  EXPECT_EQ(Do("POST", "", {{"delete", ""}}, "<Delete/>").Code(), "MissingArgument");
  std::string thousand_one = "<Delete>";
  for (int i = 0; i < 1001; ++i) thousand_one += "<Object><Key>d</Key></Object>";
  EXPECT_EQ(many(thousand_one + "</Delete>").Code(), "MalformedXML");
  EXPECT_EQ(Do("HEAD", "d").status, 200);
}

TEST_F(ObjectsTest, Copies) {
  const std::string etag = Do("PUT", "d/src +ü", {}, "data", {{"x-oss-meta-a", "1"}}).Header("ETag");
  const std::string source = "/bkt/" + oss::PercentEncode("d/src +ü");
  const Answer copy = Do("PUT", "dst", {}, "", {{"x-oss-copy-source", source}, {"x-oss-meta-a", "2"}});
  EXPECT_EQ(copy.status, 200);
  EXPECT_EQ(copy.Element("ETag"), etag);
  EXPECT_EQ(copy.Header("ETag"), etag);
  EXPECT_EQ(Do("GET", "dst").Header("x-oss-meta-a"), "1");
  EXPECT_EQ(Do("GET", "dst").body, "data");
  const auto copied = [&](NameValues headers) {
    headers.emplace_back("x-oss-copy-source", source);
    return Do("PUT", "dst", {}, "", headers);
  };
  EXPECT_EQ(copied({{"x-oss-metadata-directive", "REPLACE"}, {"x-oss-meta-b", "2"}}).status, 200);
  EXPECT_EQ(Do("HEAD", "dst").Header("x-oss-meta-a"), "");
  EXPECT_EQ(Do("HEAD", "dst").Header("x-oss-meta-b"), "2");
  EXPECT_EQ(copied({{"x-oss-copy-source-if-match", "\"0\""}}).status, 412);
  EXPECT_EQ(copied({{"x-oss-copy-source-if-none-match", etag}}).status, 304);
  EXPECT_EQ(copied({{"x-oss-forbid-overwrite", "true"}}).Code(), "FileAlreadyExists");
  // Onto itself, the request's metadata always replaces.
  EXPECT_EQ(Do("PUT", "d/src +ü", {}, "", {{"x-oss-copy-source", source}, {"x-oss-meta-c", "3"}}).status,
            200);
  EXPECT_EQ(Do("HEAD", "d/src +ü").Header("x-oss-meta-c"), "3");
  EXPECT_EQ(Do("PUT", "dst", {}, "", {{"x-oss-copy-source", "/bkt/absent"}}).Code(), "NoSuchKey");
  EXPECT_EQ(Do("PUT", "dst", {}, "", {{"x-oss-copy-source", "/absent/k"}}).Code(), "NoSuchBucket");
  EXPECT_EQ(Do("DELETE", "d/src +ü").status, 204);
  EXPECT_EQ(Do("GET", "dst").body, "data");
}

TEST_F(ObjectsTest, TagsAreCountedToldAndCopied) {
  const NameValues tagged = {{"x-oss-tagging", "a%20b=1%2B2&c="}, {"Cache-Control", "max-age=60"}};
  EXPECT_EQ(Do("PUT", "src", {}, "data", tagged).status, 200);
  EXPECT_EQ(Do("HEAD", "src").Header("x-oss-tagging-count"), "2");
  EXPECT_EQ(Do("GET", "src").Header("x-oss-tagging"), "");
  const std::string xml = Do("GET", "src", {{"tagging", ""}}).body;
  EXPECT_NE(xml.find("<Key>a b</Key>"), std::string::npos) << xml;
  EXPECT_NE(xml.find("<Value>1+2</Value>"), std::string::npos) << xml;
  EXPECT_EQ(Do("GET", "absent", {{"tagging", ""}}).Code(), "NoSuchKey");
  // A copy keeps them, also with metadata of its own, unless it is told otherwise.
  const NameValues replaced = {
      {"x-oss-copy-source", "/bkt/src"}, {"x-oss-metadata-directive", "REPLACE"}, {"x-oss-tagging", "d=4"}};
  EXPECT_EQ(Do("PUT", "dst", {}, "", replaced).status, 200);
  EXPECT_EQ(Do("HEAD", "dst").Header("x-oss-tagging-count"), "2");
  NameValues all_replaced = replaced;
  all_replaced.push_back({"x-oss-tagging-directive", "Replace"});
  EXPECT_EQ(Do("PUT", "dst", {}, "", all_replaced).status, 200);
  EXPECT_EQ(Do("HEAD", "dst").Header("x-oss-tagging-count"), "1");
  EXPECT_EQ(Do("PUT", "src", {}, "other").status, 200);
  EXPECT_EQ(Do("HEAD", "src").Header("x-oss-tagging-count"), "");
}

TEST_F(ObjectsTest, CopiesKeepHeadersButNotTheEncryption) {
  const NameValues headers = {{"Cache-Control", "max-age=60"}, {"x-oss-server-side-encryption", "AES256"}};
  Do("PUT", "src", {}, "data", headers);
  EXPECT_EQ(Do("HEAD", "src").Header("x-oss-server-side-encryption"), "AES256");
  EXPECT_EQ(Do("PUT", "dst", {}, "", {{"x-oss-copy-source", "/bkt/src"}}).status, 200);
  EXPECT_EQ(Do("HEAD", "dst").Header("Cache-Control"), "max-age=60");
  EXPECT_EQ(Do("HEAD", "dst").Header("x-oss-server-side-encryption"), "");
  EXPECT_EQ(Do("PUT", "dst", {}, "", {{"x-oss-copy-source", "/bkt/src"}, {"x-oss-server-side-encryption", "KMS"},
                                      {"x-oss-server-side-encryption-key-id", "key-1"}}).status,
            200);
  EXPECT_EQ(Do("HEAD", "dst").Header("x-oss-server-side-encryption"), "KMS");
  EXPECT_EQ(Do("GET", "dst").Header("x-oss-server-side-encryption-key-id"), "key-1");
  EXPECT_EQ(
      Do("PUT", "dst", {}, "", {{"x-oss-copy-source", "/bkt/src"}, {"x-oss-metadata-directive", "REPLACE"}}).status,
      200);
  EXPECT_EQ(Do("HEAD", "dst").Header("Cache-Control"), "");
}

TEST_F(ObjectsTest, Symlinks) {
  Do("PUT", "target +ü", {}, "bytes");
  EXPECT_EQ(Do("PUT", "link", {{"symlink", ""}}, "",
               {{"x-oss-symlink-target", oss::PercentEncodePath("target +ü")}})
                .status,
            200);
  EXPECT_EQ(Do("GET", "link", {{"symlink", ""}}).Header("x-oss-symlink-target"), "target%20%2B%C3%BC");
  EXPECT_EQ(Do("GET", "link").body, "bytes");
  const Answer head = Do("HEAD", "link");
  EXPECT_EQ(head.Header("Content-Length"), "5");
  EXPECT_EQ(head.Header("x-oss-object-type"), "Symlink");
  EXPECT_EQ(Do("HEAD", "link", {{"objectMeta", ""}}).Header("Content-Length"), "10");
  EXPECT_EQ(Do("GET", "target +ü", {{"symlink", ""}}).Code(), "NotSymlink");
  Do("PUT", "second", {{"symlink", ""}}, "", {{"x-oss-symlink-target", "link"}});
  EXPECT_EQ(Do("GET", "second").Code(), "InvalidTargetType");
  Do("DELETE", "target +ü");
  EXPECT_EQ(Do("GET", "link").Code(), "SymlinkTargetNotExist");
}

TEST_F(ObjectsTest, Appends) {
  const auto append = [&](const std::string& key, int position, const std::string& body) {
    return Do("POST", key, {{"append", ""}, {"position", StrCat(position)}}, body);
  };
  EXPECT_EQ(append("log", 0, "one").Header("x-oss-next-append-position"), "3");
  const Answer second = append("log", 3, "two");
  EXPECT_EQ(second.Header("x-oss-hash-crc64ecma"), CrcText("onetwo"));
  const Answer wrong = append("log", 3, "x");
  EXPECT_EQ(wrong.Code(), "PositionNotEqualToLength");
  EXPECT_EQ(wrong.Header("x-oss-next-append-position"), "6");
  EXPECT_EQ(Do("HEAD", "log").Header("x-oss-next-append-position"), "6");
  // A copy shares the bytes; appends to both must not meet in one file.
  Do("POST", "log2", {{"append", ""}, {"position", "0"}}, "");
  Do("PUT", "copy", {}, "", {{"x-oss-copy-source", "/bkt/log"}});
  EXPECT_EQ(append("log", 6, "three").status, 200);
  EXPECT_EQ(Do("GET", "log").body, "onetwothree");
  EXPECT_EQ(Do("GET", "copy").body, "onetwo");
  Do("PUT", "normal", {}, "x");
  EXPECT_EQ(append("normal", 1, "y").Code(), "ObjectNotAppendable");
  EXPECT_EQ(Do("POST", "log", {{"append", ""}}, "x").Code(), "MissingArgument");
}

TEST_F(ObjectsTest, ArchiveMustBeRestored) {
  Stop();
  options_.restore_seconds = 0;
  Start();
  Do("PUT", "cold", {}, "ice", {{"x-oss-storage-class", "Archive"}});
  EXPECT_EQ(Do("GET", "cold").Code(), "InvalidObjectState");
  EXPECT_EQ(Do("HEAD", "cold").Header("x-oss-storage-class"), "Archive");
  EXPECT_EQ(Do("POST", "cold", {{"restore", ""}}).status, 202);
  EXPECT_EQ(Do("POST", "cold", {{"restore", ""}}).status, 200);
  EXPECT_THAT(Do("HEAD", "cold").Header("x-oss-restore"), testing::HasSubstr("ongoing-request=\"false\""));
  EXPECT_EQ(Do("GET", "cold").body, "ice");
  Do("PUT", "warm", {}, "x");
  EXPECT_EQ(Do("POST", "warm", {{"restore", ""}}).Code(), "OperationNotSupported");
  Stop();
  options_.restore_seconds = 1000;
  Start();
  Do("PUT", "cold", {}, "ice", {{"x-oss-storage-class", "Archive"}});
  EXPECT_EQ(Do("POST", "cold", {{"restore", ""}}).status, 202);
  EXPECT_EQ(Do("POST", "cold", {{"restore", ""}}).Code(), "RestoreAlreadyInProgress");
  EXPECT_EQ(Do("GET", "cold").Code(), "InvalidObjectState");
}

TEST_F(ObjectsTest, BucketQuestions) {
  Do("PUT", "a", {}, "12345");
  EXPECT_EQ(Do("GET", "", {{"bucketInfo", ""}}).Element("Name"), "bkt");
  EXPECT_EQ(Do("GET", "", {{"location", ""}}).Element("LocationConstraint"), "oss-cn-hangzhou");
  EXPECT_EQ(Do("GET", "", {{"acl", ""}}).Element("Grant"), "private");
  EXPECT_EQ(Do("GET", "", {{"stat", ""}}).Element("Storage"), "5");
  EXPECT_EQ(Do("DELETE", "").Code(), "BucketNotEmpty");
  bucket_ = "another";
  EXPECT_EQ(Do("GET", "a").Code(), "NoSuchBucket");
  EXPECT_EQ(Do("PUT", "").status, 200);
  EXPECT_EQ(Do("PUT", "a", {}, "x").status, 200);
  EXPECT_EQ(Do("DELETE", "a").status, 204);
  EXPECT_EQ(Do("DELETE", "").status, 204);
  EXPECT_EQ(Do("GET", "", {{"list-type", "2"}}).Code(), "NoSuchBucket");
  bucket_ = "X";
  EXPECT_EQ(Do("PUT", "").Code(), "InvalidBucketName");
}

}  // namespace
}  // namespace ossfs2::server
