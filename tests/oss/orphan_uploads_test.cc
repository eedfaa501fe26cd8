// Uploads that were opened although the answer was lost, and those of others, which must stay.
#include "base/values/str.h"
#include "tests/oss/store_fixture.h"

namespace ossfs2::oss {
namespace {

// A service with a list of uploads; FakeHttp's answers carry the date 10:27:41.
class OrphanUploadsTest : public StoreFixture {
 protected:
  struct Upload {
    std::string key;
    std::string id;
    std::string time;
    int parts = 0;
  };

  explicit OrphanUploadsTest(int orphan_age_ms = 0) {
    config_.orphan_age = std::chrono::milliseconds(orphan_age_ms);
    Serve([this](const SeenRequest& request, size_t) { return Answer(request); });
  }

  Reply Answer(const SeenRequest& request) {
    Reply reply;
    const std::string path = request.target.substr(0, request.target.find('?'));
    const std::string key = path.substr(1);
    if (request.method == "POST") {
      if (initiates_++ < lost_) {
        if (lost_has_effect_) uploads_.push_back({key, "orphan", "10:27:41", 0});
        return LostReply();
      }
      const std::string id = "ours" + std::to_string(initiates_);
      uploads_.push_back({key, id, "10:27:41", 0});
      reply.body = "<InitiateMultipartUploadResult><UploadId>" + id + "</UploadId></InitiateMultipartUploadResult>";
    } else if (request.method == "DELETE") {
      aborted_.push_back(request.target);
      reply.status = 204;
    } else if (!key.empty()) {
      reply.body = "<ListPartsResult><IsTruncated>false</IsTruncated>";
      for (const Upload& upload : uploads_)
        if (request.target.find("uploadId=" + upload.id) != std::string::npos && upload.parts > 0)
          reply.body += "<Part><PartNumber>1</PartNumber><ETag>\"E\"</ETag><Size>5</Size></Part>";
      reply.body += "</ListPartsResult>";
    } else {
      ++lists_;
      if (list_refused_) return ErrorReply(403, "AccessDenied");
      reply.body = "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>";
      for (const Upload& upload : uploads_)
        reply.body += "<Upload><Key>" + upload.key + "</Key><UploadId>" + upload.id +
                      "</UploadId><Initiated>2022-12-28T" + upload.time + ".000Z</Initiated></Upload>";
      reply.body += "</ListMultipartUploadsResult>";
    }
    return reply;
  }
  std::string Initiate() {
    const auto id = store_->InitiateUpload("k", {});
    EXPECT_TRUE(id) << id.error().text;
    return id ? *id : "";
  }
  // What the store did by its end.
  std::vector<std::string> Aborted() {
    store_.reset();
    return aborted_;
  }

  // The fake answers on one thread, and the test looks after the store is gone.
  std::vector<Upload> uploads_;
  std::vector<std::string> aborted_;
  int initiates_ = 0;
  int lost_ = 0;
  int lists_ = 0;
  bool lost_has_effect_ = true;
  bool list_refused_ = false;
};

TEST_F(OrphanUploadsTest, TheUploadOfALostAnswerIsAborted) {
  lost_ = 1;
  EXPECT_EQ(Initiate(), "ours2");
  EXPECT_EQ(Aborted(), std::vector<std::string>{"/k?uploadId=orphan"});
  EXPECT_EQ(lists_, 1);
}

TEST_F(OrphanUploadsTest, WithoutALostAnswerNothingIsAsked) {
  Initiate();
  EXPECT_TRUE(Aborted().empty());
  EXPECT_EQ(lists_, 0);
}

TEST_F(OrphanUploadsTest, UploadsOfOthersStay) {
  lost_ = 1;
  uploads_ = {{"k", "before", "10:27:30", 0}, {"k", "after", "10:27:42", 0}, {"k", "in-use", "10:27:41", 1},
              {"k/longer", "other-key", "10:27:41", 0}};
  lost_has_effect_ = false;
  Initiate();
  EXPECT_TRUE(Aborted().empty());
  EXPECT_EQ(lists_, 1);
}

TEST_F(OrphanUploadsTest, WhatThisProcessOpenedStays) {
  Initiate();  // another handle, in the same second
  lost_ = 2;
  lost_has_effect_ = false;
  EXPECT_EQ(Initiate(), "ours3");
  EXPECT_TRUE(Aborted().empty());
}

TEST_F(OrphanUploadsTest, MoreUploadsThanLostAnswersAreLeftToGc) {
  lost_ = 1;
  uploads_ = {{"k", "another-host", "10:27:41", 0}};
  Initiate();
  EXPECT_TRUE(Aborted().empty());
}

TEST_F(OrphanUploadsTest, AnUploadInUseOfTheSameSecondDoesNotHideOurs) {
  lost_ = 1;
  uploads_ = {{"k", "in-use", "10:27:41", 1}};
  Initiate();
  EXPECT_EQ(Aborted(), std::vector<std::string>{"/k?uploadId=orphan"});
}

class PendingOrphanUploadsTest : public OrphanUploadsTest {
 protected:
  PendingOrphanUploadsTest() : OrphanUploadsTest(300) {}
};

TEST_F(PendingOrphanUploadsTest, TwoSearchesOfOneKeyInOneSecondAreMadeOne) {
  lost_ = 1;
  EXPECT_EQ(Initiate(), "ours2");
  lost_ = 3;
  EXPECT_EQ(Initiate(), "ours4");
  EXPECT_EQ(Aborted(), (std::vector<std::string>{"/k?uploadId=orphan", "/k?uploadId=orphan"}));
  EXPECT_EQ(lists_, 1);
}

TEST_F(OrphanUploadsTest, ARefusedListChangesNothing) {
  lost_ = 1;
  list_refused_ = true;
  EXPECT_EQ(Initiate(), "ours2");
  EXPECT_TRUE(Aborted().empty());
}

}  // namespace
}  // namespace ossfs2::oss
