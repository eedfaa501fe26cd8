// What errors of the service say to a person.
#include <gtest/gtest.h>

#include "oss/protocol/error_table.h"

namespace ossfs2::oss {
namespace {

bool Has(const Error& error, std::string_view part) { return error.text.find(part) != std::string::npos; }

TEST(ErrorTextTest, NamesTheRightThatIsMissing) {
  const ServiceError denied{403, "AccessDenied", "denied", "id", "", ""};
  for (const auto& [operation, right] :
       {std::pair("delete", "oss:DeleteObject"), std::pair("delete_many", "oss:DeleteObject"),
        std::pair("get", "oss:GetObject"), std::pair("put", "oss:PutObject"),
        std::pair("copy", "oss:GetObject and oss:PutObject"), std::pair("abort", "oss:AbortMultipartUpload"),
        std::pair("list", "oss:ListObjects")}) {
    const Error error = MakeServiceError(denied, {operation, "k", "b", "e"});
    EXPECT_TRUE(Has(error, right)) << error.text;
  }
  // What sends tags needs a second one.
  for (const char* operation : {"put", "initiate", "append", "copy"})
    EXPECT_TRUE(Has(MakeServiceError(denied, {operation, "k", "b", "e"}), "oss:PutObjectTagging")) << operation;
  EXPECT_FALSE(Has(MakeServiceError(denied, {"delete", "k", "b", "e"}), "oss:GetObject"));
}

TEST(ErrorTextTest, OfAServiceThatCannotNowSaysWhatToDo) {
  const auto text = [](int status, const char* code) {
    return MakeServiceError({status, code, "", "id", "", ""}, {"put", "k", "b", "e"});
  };
  for (const char* code : {"SlowDown", "QpsLimitExceeded", "ServiceUnavailable", "SomethingNew"})
    EXPECT_TRUE(Has(text(503, code), "Next: there are too many requests")) << code;
  EXPECT_TRUE(Has(text(429, "TooManyRequests"), "Next: there are too many requests"));
  EXPECT_TRUE(Has(text(500, "InternalError"), "Next: the service has trouble of its own"));
  EXPECT_TRUE(Has(text(502, ""), "Next: the service has trouble of its own"));
  EXPECT_FALSE(Has(text(404, "NoSuchKey"), "Next:"));
}

// Only names that are absent or taken need none: the program asked for just that.
TEST(ErrorTextTest, EveryOtherRefusalSaysWhatToDo) {
  const auto text = [](int status, const std::string& code) {
    return MakeServiceError({status, code, "", "id", "", ""}, {"put", "k", "b", "e"});
  };
  for (const char* code : {"NoSuchUpload", "NoSuchBucket", "PreconditionFailed", "AccessDenied", "InvalidAccessKeyId",
                           "SecurityTokenNotSupported", "InvalidObjectState", "KmsServiceNotEnabled", "FileImmutable",
                           "RequestTimeTooSkewed", "RequestTimeout", "IncompleteBody", "BadRequest", "InternalError",
                           "StaleFile", "InvalidDigest", "InvalidCRC64", "SlowDown", "InvalidBucketName",
                           "InvalidObjectName", "InvalidRange", "EntityTooLarge", "PositionNotEqualToLength",
                           "ObjectNotAppendable", "OperationNotSupported", "NotImplemented", "MethodNotAllowed",
                           "NotSymlink", "InvalidTargetType", "InvalidArgument", "InvalidPart", "InvalidPartOrder",
                           "EntityTooSmall", "MalformedXML", "MissingArgument", "SomethingNew"})
    EXPECT_TRUE(Has(text(400, code), "Next: ")) << code;
  for (int status = 300; status < 600; ++status) {
    if (status != 404) {
      EXPECT_TRUE(Has(text(status, ""), "Next: ")) << status;
    }
  }
  EXPECT_TRUE(Has(text(200, "SomethingNew"), "Next: "));
  for (const char* code : {"NoSuchKey", "FileAlreadyExists"}) EXPECT_FALSE(Has(text(400, code), "Next:")) << code;
}

// The object to restore is the one that is copied.
TEST(ErrorTextTest, ACopyNamesItsSource) {
  const ServiceError archived{403, "InvalidObjectState", "", "id", "", ""};
  EXPECT_TRUE(
      Has(MakeServiceError(archived, {"copy", "new", "b", "e", "old"}), "copy of old to new in bucket b failed"));
  EXPECT_TRUE(Has(MakeServiceError(archived, {"copy", "same", "b", "e", "same"}), "copy of same in bucket b failed"));
}

}  // namespace
}  // namespace ossfs2::oss
