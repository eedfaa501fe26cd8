// Tags: what is told of an object, what writes ask for, and how they are read.
#include "oss/kept_tags.h"

#include "oss/fakes/memory_store.h"
#include "oss/protocol/oss_xml.h"
#include "tests/oss/store_fixture.h"
#include "tests/oss/store_replies.h"
#include "tests/oss/test_data.h"

namespace ossfs2::oss {
namespace {

constexpr const char* kTagging = "x-oss-tagging";
constexpr const char* kTagsXml =
    "<Tagging><TagSet><Tag><Key>a "
    "b</Key><Value>1&amp;2</Value></Tag><Tag><Key>c</Key><Value></Value></Tag></TagSet></Tagging>";

class OssTagsTest : public StoreFixture {
 protected:
  std::string TaggingOfPut(const std::string& tags) {
    WriteOptions options;
    options.tags = tags;
    ServeInTurn({PutReply(kCrc)});
    EXPECT_TRUE(PutNow(*store_, "k", kText, options));
    return http_->Seen().back().Header(kTagging);
  }
};

TEST_F(OssTagsTest, HeadCountsThem) {
  Reply head = HeadReply(11, kCrc);
  head.headers.push_back({"x-oss-tagging-count", "2"});
  ServeInTurn({head, HeadReply(11, kCrc)});
  EXPECT_EQ(store_->Head("k")->tag_count, 2u);
  EXPECT_EQ(store_->Head("k")->tag_count, 0u);
}

TEST_F(OssTagsTest, AreReadAsWritesSendThem) {
  Reply reply;
  reply.body = kTagsXml;
  ServeInTurn({reply});
  EXPECT_EQ(*store_->GetTags("k"), "a%20b=1%262&c=");
  EXPECT_NE(http_->Seen().back().target.find("tagging"), std::string::npos);
}

TEST_F(OssTagsTest, ARefusalNamesTheRight) {
  Reply refused;
  refused.status = 403;
  refused.body = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>";
  ServeInTurn({refused});
  const auto tags = store_->GetTags("k");
  ASSERT_FALSE(tags);
  EXPECT_EQ(tags.error().kind, ErrorKind::kAccessDenied);
  EXPECT_NE(tags.error().text.find("oss:GetObjectTagging"), std::string::npos) << tags.error().text;
}

TEST_F(OssTagsTest, NoOtherDocumentIsTakenForNone) {
  EXPECT_EQ(*ParseTagsXml("<Tagging><TagSet/></Tagging>"), "");
  EXPECT_FALSE(ParseTagsXml("<Tagging/>"));
  EXPECT_FALSE(ParseTagsXml("<html/>"));
  EXPECT_FALSE(ParseTagsXml("<Tagging><TagSet><Tag><Value>1</Value></Tag></TagSet></Tagging>"));
}

TEST_F(OssTagsTest, WritesSendThoseOfTheVersionBefore) {
  EXPECT_EQ(TaggingOfPut("a=1"), "a=1");
  EXPECT_EQ(TaggingOfPut(""), "");
  EXPECT_FALSE(store_->HasOwnTags());
}

TEST_F(OssTagsTest, ConfiguredOnesCountMore) {
  config_.tagging = "own=1";
  EXPECT_EQ(TaggingOfPut("a=1"), "own=1");
  EXPECT_TRUE(store_->HasOwnTags());
  EXPECT_EQ(*KeptTags(*store_, "k", 2), "") << "nothing is asked";
}

TEST_F(OssTagsTest, CopiesKeepTheSourcesWithoutBeingTold) {
  Reply copied;
  copied.body = "<CopyObjectResult><ETag>\"E2\"</ETag></CopyObjectResult>";
  ServeInTurn({copied});
  CopyRequest copy;
  copy.source_key = "s";
  copy.target_key = "k";
  copy.replace = WriteOptions{};
  copy.replace->tags = "a=1";
  ASSERT_TRUE(store_->Copy(copy));
  EXPECT_EQ(http_->Seen().back().Header(kTagging), "");
}

TEST(KeptTags, AreThoseOfTheObject) {
  const auto store = MakeMemoryStore();
  WriteOptions options;
  options.tags = "a=1&b=2";
  ASSERT_TRUE(PutNow(*store, "k", "data", options));
  EXPECT_EQ(store->Head("k")->tag_count, 2u);
  EXPECT_EQ(*KeptTags(*store, "k", 2), "a=1&b=2");
  EXPECT_EQ(*KeptTags(*store, "gone", 2), "");
  EXPECT_EQ(*KeptTags(*store, "k", 0), "");
}

}  // namespace
}  // namespace ossfs2::oss
