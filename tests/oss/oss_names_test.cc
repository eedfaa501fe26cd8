// Head, list, delete, symbolic links, lists of uploads.
#include <cerrno>

#include "tests/oss/store_fixture.h"

namespace ossfs2::oss {
namespace {

using OssNamesTest = StoreFixture;

Reply HeadReply(const std::string& type = "Normal") {
  Reply reply;
  reply.headers = {{"Content-Length", "11"},
                   {"ETag", "\"E1\""},
                   {"x-oss-object-type", type},
                   {"x-oss-storage-class", "IA"},
                   {"x-oss-restore", "ongoing-request=\"true\""},
                   {"X-Oss-Meta-Odd", "50%25%20%E4%B8%AD"},
                   {"Content-Type", "text/plain"},
                   {"Last-Modified", "Wed, 28 Dec 2022 10:27:41 GMT"}};
  return reply;
}

Reply ListReply(const std::string& inside, bool truncated = false) {
  Reply reply;
  reply.body =
      "<?xml version=\"1.0\" "
      "encoding=\"UTF-8\"?><ListBucketResult><EncodingType>url</EncodingType><IsTruncated>" +
      std::string(truncated ? "true" : "false") + "</IsTruncated>" + inside + "</ListBucketResult>";
  return reply;
}

std::string Contents(const std::string& key) {
  return "<Contents><Key>" + key +
         "</Key><LastModified>2022-12-28T10:27:41.000Z</LastModified><ETag>\"E\"</ETag><Type>Symlink</Type>"
         "<Size>5</Size><StorageClass>Standard</StorageClass></Contents>";
}

TEST_F(OssNamesTest, HeadReadsEveryField) {
  ServeInTurn({HeadReply("Multipart")});
  const auto info = store_->Head("k");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->size, 11u);
  EXPECT_EQ(info->etag, "E1");
  EXPECT_EQ(info->mtime_s, 1672223261);
  EXPECT_EQ(info->type, ObjectType::kMultipart);
  EXPECT_EQ(info->storage_class, "IA");
  EXPECT_EQ(info->restore, "ongoing-request=\"true\"");
  EXPECT_EQ(info->content_type, "text/plain");
  EXPECT_EQ(info->metadata.at("odd"), "50% \xe4\xb8\xad");
  EXPECT_FALSE(info->crc64);
}

TEST_F(OssNamesTest, HeadErrorsComeFromTheHeader) {
  Reply denied;
  denied.status = 403;
  denied.headers = {
      {"x-oss-err", Base64Encode("<Error><Code>InvalidObjectState</Code><Message>m</Message></Error>")}};
  Reply absent;
  absent.status = 404;
  ServeInTurn({denied, absent});
  EXPECT_EQ(store_->Head("k").error().oss_code, "InvalidObjectState");
  EXPECT_EQ(store_->Head("k").error().errno_value, ENOENT);
}

TEST_F(OssNamesTest, HeadOfALinkDescribesTheLinkAlsoWhenItDangles) {
  Reply link;
  link.headers = {{"x-oss-symlink-target", "dir/a%20b"}, {"ETag", "\"L\""}, {"x-oss-meta-mode", "1"}};
  ServeInTurn({HeadReply("Symlink"), link, ErrorReply(404, "SymlinkTargetNotExist"), link, link});
  for (int i = 0; i < 2; ++i) {
    const auto info = store_->Head("l");
    ASSERT_TRUE(info);
    EXPECT_EQ(info->type, ObjectType::kSymlink);
    EXPECT_EQ(info->size, 7u);
    EXPECT_EQ(info->etag, "L");
    EXPECT_EQ(info->metadata.at("mode"), "1");
  }
  EXPECT_EQ(*store_->GetSymlink("l"), "dir/a b");
}

TEST_F(OssNamesTest, PutSymlinkEncodesTheTarget) {
  Reply made;
  made.headers = {{"ETag", "\"L\""}};
  ServeInTurn({made});
  ASSERT_TRUE(store_->PutSymlink("l", "dir/a b+", {}));
  EXPECT_EQ(http_->Seen().at(0).Header("x-oss-symlink-target"), "dir/a%20b%2B");
}

TEST_F(OssNamesTest, SymlinkThatMayNotOverwriteRecognisesItself) {
  Serve([mark = std::string()](const SeenRequest& request, size_t number) mutable {
    Reply link;
    if (number == 1) mark = request.Header("x-oss-meta-ossfs2-put");
    if (number == 1) return LostReply();
    if (request.method == "PUT") return ErrorReply(409, "FileAlreadyExists");
    link.headers = {{"x-oss-symlink-target", "t"}, {"ETag", "\"L\""}, {"x-oss-meta-ossfs2-put", mark}};
    return link;
  });
  WriteOptions exclusive;
  exclusive.forbid_overwrite = true;
  EXPECT_TRUE(store_->PutSymlink("l", "t", exclusive));
  EXPECT_EQ(store_->PutSymlink("l", "t", exclusive).error().kind, ErrorKind::kAlreadyExists);
}

TEST_F(OssNamesTest, ListDecodesAndMergesInByteOrder) {
  ServeInTurn({ListReply("<CommonPrefixes><Prefix>a/b/</Prefix></CommonPrefixes>" + Contents("a/b%20%0A") +
                             Contents("a/z") +
                             "<NextContinuationToken>T%3D</NextContinuationToken><KeyCount>3</KeyCount>",
                         true)});
  const auto page = store_->List({"a/", "/", "", "a/", 1000});
  ASSERT_TRUE(page) << page.error().text;
  ASSERT_EQ(page->entries.size(), 3u);
  EXPECT_EQ(page->entries[0].key, "a/b \n");
  EXPECT_EQ(page->entries[0].size, 5u);
  EXPECT_EQ(page->entries[0].type, ObjectType::kSymlink);
  EXPECT_EQ(page->entries[0].etag, "E");
  EXPECT_EQ(page->entries[0].mtime_s, 1672223261);
  EXPECT_TRUE(page->entries[1].is_prefix);
  EXPECT_EQ(page->entries[1].key, "a/b/");
  EXPECT_EQ(page->continuation, "T=");
  EXPECT_EQ(http_->Seen().at(0).target,
            "/?list-type=2&encoding-type=url&max-keys=1000&prefix=a%2F&delimiter=%2F&start-after=a%2F");
}

TEST_F(OssNamesTest, ListThatIsNotWholeIsAskedForAgain) {
  Reply cut = ListReply(Contents("a") + Contents("b"));
  cut.body.resize(cut.body.size() - 30);
  Reply html;
  html.body = "<html></html>";
  ServeInTurn({cut, html, ListReply(Contents("a") + "<KeyCount>2</KeyCount>"), ListReply(Contents("a"), true),
               ListReply("<Contents><Size>1</Size></Contents>"), ListReply(Contents("a") + Contents("b"))});
  const auto page = store_->List({});
  ASSERT_TRUE(page) << page.error().text;
  EXPECT_EQ(page->entries.size(), 2u);
  EXPECT_EQ(http_->Count(), 6u);
}

TEST_F(OssNamesTest, FailingListIsNeverShortNorAbsent) {
  config_.request_timeout = std::chrono::milliseconds(20);
  ServeInTurn({ErrorReply(404, "NoSuchBucket"), ErrorReply(404, ""), ErrorReply(500, "InternalError")});
  for (int i = 0; i < 3; ++i) {
    const auto page = store_->List({});
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error().errno_value, EIO);
    EXPECT_NE(page.error().kind, ErrorKind::kNotFound);
  }
  ServeInTurn({ListReply(Contents("other"))});
  EXPECT_EQ(store_->List({"a/", "", "", "", 10}).error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(store_->List({"", "", "", "", 0}).error().kind, ErrorKind::kInvalid);
}

TEST_F(OssNamesTest, DeleteManyAsksAgainForWhatIsLeft) {
  Reply first, second;
  first.body =
      "<DeleteResult><EncodingType>url</EncodingType><Deleted><Key>a%26</Key></Deleted></DeleteResult>";
  second.body = "<DeleteResult><Deleted><Key>b</Key></Deleted><Deleted><Key>c</Key></Deleted></DeleteResult>";
  Reply none;
  none.body = "<DeleteResult></DeleteResult>";
  Reply no_content;
  no_content.status = 204;
  ServeInTurn({no_content, first, none, second});
  ASSERT_TRUE(store_->DeleteMany({"a&", "b", "c", "odd\x01"}));
  const auto seen = http_->Seen();
  ASSERT_EQ(seen.size(), 4u);
  EXPECT_EQ(seen[0].method, "DELETE") << "XML cannot carry the key";
  EXPECT_EQ(seen[1].target, "/?delete&encoding-type=url");
  EXPECT_EQ(seen[1].Header("content-md5"), Base64Encode(Md5(seen[1].body)));
  EXPECT_NE(seen[1].body.find("<Key>a&amp;</Key>"), std::string::npos);
  EXPECT_EQ(seen[2].body.find("a&amp;"), std::string::npos);
}

TEST_F(OssNamesTest, DeleteManyFailsWhenOssLeavesKeys) {
  config_.request_timeout = std::chrono::milliseconds(20);
  Reply none;
  none.body = "<DeleteResult></DeleteResult>";
  ServeInTurn({none});
  EXPECT_FALSE(store_->DeleteMany({"a"}));
  EXPECT_EQ(store_->DeleteMany(std::vector<std::string>(1001, "k")).error().kind, ErrorKind::kInvalid);
}

TEST_F(OssNamesTest, DeleteOfAMissingKeySucceeds) {
  Reply no_content;
  no_content.status = 204;
  ServeInTurn({no_content, ErrorReply(404, "NoSuchKey"), ErrorReply(403, "AccessDenied")});
  EXPECT_TRUE(store_->Delete("k"));
  EXPECT_TRUE(store_->Delete("k"));
  EXPECT_EQ(store_->Delete("k").error().errno_value, EACCES);
}

TEST_F(OssNamesTest, ListsOfPartsAndUploadsGoOverPages) {
  Reply parts1, parts2, uploads1, uploads2;
  parts1.body =
      "<ListPartsResult><NextPartNumberMarker>1</NextPartNumberMarker><IsTruncated>true</IsTruncated>"
      "<Part><PartNumber>1</PartNumber><ETag>\"A\"</ETag><Size>5</Size></Part></ListPartsResult>";
  parts2.body =
      "<ListPartsResult><IsTruncated>false</IsTruncated>"
      "<Part><PartNumber>2</PartNumber><ETag>\"B\"</ETag><Size>6</Size></Part></ListPartsResult>";
  uploads1.body =
      "<ListMultipartUploadsResult><EncodingType>url</EncodingType><NextKeyMarker>a%20</NextKeyMarker>"
      "<NextUploadIdMarker>U1</NextUploadIdMarker><IsTruncated>true</IsTruncated>"
      "<Upload><Key>a%20</Key><UploadId>U1</UploadId><Initiated>2022-12-28T10:27:41.000Z</Initiated></Upload>"
      "</ListMultipartUploadsResult>";
  uploads2.body = "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>";
  ServeInTurn({parts1, parts2, uploads1, uploads2});
  const auto parts = store_->ListParts("k", "U");
  ASSERT_TRUE(parts);
  ASSERT_EQ(parts->size(), 2u);
  EXPECT_EQ((*parts)[1].etag, "B");
  const auto uploads = store_->ListUploads("a");
  ASSERT_TRUE(uploads);
  ASSERT_EQ(uploads->size(), 1u);
  EXPECT_EQ((*uploads)[0].key, "a ");
  EXPECT_EQ((*uploads)[0].initiated_s, 1672223261);
  EXPECT_NE(http_->Seen().at(3).target.find("key-marker=a%20&upload-id-marker=U1"), std::string::npos);
}

}  // namespace
}  // namespace ossfs2::oss
