#include "oss/protocol/error_table.h"

#include <cerrno>

#include "base/values/str.h"

namespace ossfs2::oss {
namespace {

using K = ErrorKind;
using R = Remedy;

constexpr std::string_view kDamagedOnTheWay =
    "the bytes were damaged on the way: write the file again; if it comes back, find what changes them: a proxy, or "
    "this machine's memory";
constexpr std::string_view kOtherClientAdvice = "another client changed the object at the same moment: try again";
constexpr std::string_view kTooLargeAdvice = "an object has at most 48.8 TiB: split the file";
constexpr std::string_view kRetained =
    "the object is under a retention (WORM) policy: wait for its end, or write under another name";
constexpr std::string_view kNotOfferedAdvice =
    "this service or kind of bucket does not offer it: use a standard bucket of OSS";

constexpr ErrorRule kByCode[] = {
    // Names that do not exist, or exist already.
    {"NoSuchKey", ENOENT, K::kNotFound, R::kNone, ""},
    {"SymlinkTargetNotExist", ENOENT, K::kNotFound, R::kNone,
     "the symbolic link points at an object that is gone"},
    // Not ENOENT: the file that is being written has its name.
    {"NoSuchUpload", EIO, K::kNotFound, R::kNone,
     "the multipart upload was completed or aborted by another client, a cleanup or a lifecycle rule: write the "
     "file again"},
    {"NoSuchBucket", EIO, K::kOther, R::kNone,
     "the bucket does not exist at this endpoint: check oss_bucket, and that oss_endpoint is of the bucket's "
     "region"},
    {"FileAlreadyExists", EEXIST, K::kAlreadyExists, R::kNone, ""},
    {"PreconditionFailed", ESTALE, K::kVersionChanged, R::kNone,
     "the object was replaced meanwhile: open it again"},
    // Rights.
    {"AccessDenied", EACCES, K::kAccessDenied, R::kNone,
     "the key is known but lacks the right: grant the RAM user or role oss:ListObjects on the bucket and "
     "oss:GetObject "
     "and oss:PutObject on its objects, or check that oss_bucket is yours"},
    {"InvalidAccessKeyId", EACCES, K::kAccessDenied, R::kRefresh,
     "OSS does not know this access key id: check oss_access_key_id, and that the key is enabled"},
    {"SignatureDoesNotMatch", EACCES, K::kAccessDenied, R::kRefresh,
     "the access key id is known but the secret is wrong: check oss_access_key_secret for missing characters "
     "and "
     "spaces; if it is right, check oss_region"},
    {"SecurityTokenExpired", EACCES, K::kExpiredCredential, R::kRefresh,
     "the temporary credentials have expired: get a new token, or use ram_role, credential_process or a "
     "profile, "
     "which refresh themselves"},
    {"InvalidSecurityToken", EACCES, K::kExpiredCredential, R::kRefresh,
     "OSS does not accept the security token: get a new one together with its key id and secret"},
    {"AccessKeyIdAndSecurityTokenNotMatch", EACCES, K::kExpiredCredential, R::kRefresh,
     "the security token belongs to another access key id: give the three values of one answer"},
    {"SecurityTokenNotSupported", EACCES, K::kAccessDenied, R::kNone,
     "this operation refuses temporary credentials: give an access key without a token"},
    {"InvalidObjectState", EIO, K::kAccessDenied, R::kNone,
     "the object is archived: restore it first (ossutil restore), or allow direct reads of archived objects"},
    {"SecondLevelDomainForbidden", EACCES, K::kAccessDenied, R::kNone,
     "this endpoint refuses the bucket in the path: turn path-style addressing off"},
    {"PermanentRedirect", EACCES, K::kAccessDenied, R::kNone,
     "the bucket is in another region: set oss_endpoint and oss_region to the bucket's"},
    {"InvalidRegion", EACCES, K::kAccessDenied, R::kNone, "check oss_region against the bucket's region"},
    {"TransferAccelerationDisabled", EACCES, K::kAccessDenied, R::kNone,
     "transfer acceleration is off for the bucket: turn it on, or use its regional oss_endpoint"},
    {"UserDisable", EACCES, K::kAccessDenied, R::kNone,
     "the account is disabled, mostly for overdue payment: see the Alibaba Cloud console"},
    {"BucketDisable", EACCES, K::kAccessDenied, R::kNone,
     "the bucket is disabled: see the Alibaba Cloud console"},
    {"KmsServiceNotEnabled", EACCES, K::kAccessDenied, R::kNone,
     "encryption by KMS needs KMS turned on in this account: turn it on, or choose another encryption"},
    {"FileImmutable", EPERM, K::kAccessDenied, R::kNone, kRetained},
    {"RequestTimeTooSkewed", EACCES, K::kClockSkew, R::kClock,
     "the clock of this machine differs from OSS by more than 15 minutes: set it, for example by NTP"},
    // Trouble on the way: the same request may pass.
    {"RequestTimeout", EIO, K::kUnavailable, R::kRetry, ""},
    {"IncompleteBody", EIO, K::kUnavailable, R::kRetry, ""},
    {"BadRequest", EIO, K::kUnavailable, R::kRetry, ""},
    {"InternalError", EIO, K::kUnavailable, R::kRetry, ""},
    {"ServiceUnavailable", EIO, K::kThrottled, R::kThrottle, ""},
    {"StaleFile", EIO, K::kUnavailable, R::kRetry, kOtherClientAdvice},
    {"InvalidDigest", EIO, K::kCorrupt, R::kRetry, kDamagedOnTheWay},
    {"InvalidCRC64", EIO, K::kCorrupt, R::kRetry, kDamagedOnTheWay},
    {"QpsLimitExceeded", EIO, K::kThrottled, R::kThrottle, ""},
    {"TotalQpsLimitExceeded", EIO, K::kThrottled, R::kThrottle, ""},
    {"MetaOperationQpsLimitExceeded", EIO, K::kThrottled, R::kThrottle, ""},
    {"DownloadTrafficRateLimitExceeded", EIO, K::kThrottled, R::kThrottle, ""},
    {"UploadTrafficRateLimitExceeded", EIO, K::kThrottled, R::kThrottle, ""},
    {"ActiveRequestLimitExceeded", EIO, K::kThrottled, R::kThrottle, ""},
    {"SlowDown", EIO, K::kThrottled, R::kThrottle, ""},
    // Requests that cannot succeed.
    {"InvalidBucketName", EINVAL, K::kInvalid, R::kNone, "check oss_bucket: 3-63 of a-z, 0-9 and '-'"},
    {"InvalidObjectName", EINVAL, K::kInvalid, R::kNone,
     "object names have 1 to 1023 bytes of UTF-8 and do not start with / or \\"},
    // Ranges are asked within the size of a known version.
    {"InvalidRange", ESTALE, K::kVersionChanged, R::kNone, "the object became shorter meanwhile: open it again"},
    {"EntityTooLarge", EFBIG, K::kInvalid, R::kNone, kTooLargeAdvice},
    {"PositionNotEqualToLength", ESTALE, K::kInvalid, R::kNone,
     "the object has another length, so another client wrote to it: open the file again"},
    {"ObjectNotAppendable", EINVAL, K::kInvalid, R::kNone,
     "another client replaced the object by one that takes no appends: open the file again"},
    {"OperationNotSupported", EOPNOTSUPP, K::kInvalid, R::kNone, kNotOfferedAdvice},
    {"NotImplemented", EOPNOTSUPP, K::kInvalid, R::kNone, kNotOfferedAdvice},
    {"MethodNotAllowed", EOPNOTSUPP, K::kInvalid, R::kNone, kNotOfferedAdvice},
    {"NotSymlink", EINVAL, K::kInvalid, R::kNone, "another client replaced the symbolic link: look at the name again"},
    {"InvalidTargetType", ELOOP, K::kInvalid, R::kNone,
     "OSS does not follow a link to a link: let it name the file itself"},
    {"InvalidArgument", EINVAL, K::kInvalid, R::kNone, ""},
    {"InvalidPart", EINVAL, K::kInvalid, R::kNone,
     "a part of the upload is gone or another one than was sent: write the file again"},
    {"InvalidPartOrder", EINVAL, K::kInvalid, R::kNone, ""},
    {"EntityTooSmall", EINVAL, K::kInvalid, R::kNone, ""},
    {"MalformedXML", EINVAL, K::kInvalid, R::kNone, ""},
    {"MissingArgument", EINVAL, K::kInvalid, R::kNone, ""},
};

struct StatusRule {
  int status;
  ErrorRule rule;
};

constexpr StatusRule kByStatus[] = {
    {401, {"", EACCES, K::kExpiredCredential, R::kRefresh, "the credentials were refused: check them"}},
    {403, {"", EACCES, K::kAccessDenied, R::kNone, "the request was refused: check rights and credentials"}},
    {404, {"", ENOENT, K::kNotFound, R::kNone, ""}},
    {405, {"", EOPNOTSUPP, K::kInvalid, R::kNone, kNotOfferedAdvice}},
    {408, {"", EIO, K::kUnavailable, R::kRetry, ""}},
    {409, {"", EBUSY, K::kOther, R::kNone, kOtherClientAdvice}},
    {411, {"", EINVAL, K::kInvalid, R::kNone, ""}},
    {412, {"", ESTALE, K::kVersionChanged, R::kNone, "the object was replaced meanwhile: open it again"}},
    {413, {"", EFBIG, K::kInvalid, R::kNone, kTooLargeAdvice}},
    {416, {"", ESTALE, K::kVersionChanged, R::kNone, "the object became shorter meanwhile: open it again"}},
    {429, {"", EIO, K::kThrottled, R::kThrottle, ""}},
    {501, {"", EOPNOTSUPP, K::kInvalid, R::kNone, kNotOfferedAdvice}},
    {503, {"", EIO, K::kThrottled, R::kThrottle, ""}},
};

constexpr std::string_view kThrottledAdvice =
    "there are too many requests of the account or bucket: fewer at once, also of other clients, or ask for a higher "
    "limit";
constexpr std::string_view kServerTroubleAdvice =
    "the service has trouble of its own: if it lasts, look at its status page, and give the request id to its support";

constexpr std::string_view kNotTakenAdvice =
    "check what the mount's options put on every object (storage class, encryption, ACL, tags); if that is right, give "
    "the request id to the service's support";

constexpr ErrorRule kServerTrouble = {"", EIO, K::kUnavailable, R::kRetry, ""};
constexpr ErrorRule kRedirect = {"", EIO, K::kInvalid, R::kNone,
                                 "OSS never redirects: check oss_endpoint, http_proxy and whether a proxy or "
                                 "captive portal answers in its place"};
constexpr ErrorRule kCallerError = {"", EINVAL, K::kInvalid, R::kNone, ""};
// An error that the table does not know, in the body of a success.
constexpr ErrorRule kUnknownInSuccess = {"", EIO, K::kOther, R::kNone, ""};
constexpr ErrorRule kNonsense = {"", EIO, K::kCorrupt, R::kRetry, kStrangeAnswerAdvice};

}  // namespace

const ErrorRule& FindErrorRule(int http_status, std::string_view code) {
  if (!code.empty()) {
    for (const ErrorRule& rule : kByCode) {
      if (rule.code == code) return rule;
    }
  }
  for (const StatusRule& by_status : kByStatus) {
    if (by_status.status == http_status) return by_status.rule;
  }
  if (http_status >= 500) return kServerTrouble;
  if (http_status >= 400) return kCallerError;
  if (http_status >= 300) return kRedirect;
  return code.empty() ? kNonsense : kUnknownInSuccess;
}

std::string DescribeRequest(const RequestNames& names) {
  if (names.key.empty()) return StrCat(names.operation, " on bucket ", names.bucket);
  if (!names.source.empty() && names.source != names.key)
    return StrCat(names.operation, " of ", names.source, " to ", names.key, " in bucket ", names.bucket);
  return StrCat(names.operation, " of ", names.key, " in bucket ", names.bucket);
}

namespace {

// Requests with a right of their own, which no other request needs.
struct OwnRight {
  std::string_view operation;
  std::string_view right;
  std::string_view on;
};
constexpr OwnRight kOwnRights[] = {
    {"abort", "oss:AbortMultipartUpload", "'s objects"},
    {"list_parts", "oss:ListParts", "'s objects"},
    {"list_uploads", "oss:ListMultipartUploads", ""},
};

// The others, which a key for all kinds of work has.
constexpr OwnRight kObjectRights[] = {
    {"get", "oss:GetObject", "'s objects"},
    {"head", "oss:GetObject", "'s objects"},
    {"get_tags", "oss:GetObjectTagging", "'s objects"},
    {"put", "oss:PutObject (objects with tags: and oss:PutObjectTagging)", "'s objects"},
    {"initiate", "oss:PutObject (objects with tags: and oss:PutObjectTagging)", "'s objects"},
    {"part", "oss:PutObject", "'s objects"},
    {"complete", "oss:PutObject", "'s objects"},
    {"append", "oss:PutObject (objects with tags: and oss:PutObjectTagging)", "'s objects"},
    {"copy", "oss:GetObject and oss:PutObject (objects with tags: and oss:PutObjectTagging)", "'s objects"},
    {"copy_part", "oss:GetObject and oss:PutObject", "'s objects"},
    {"delete", "oss:DeleteObject", "'s objects"},
    {"delete_many", "oss:DeleteObject", "'s objects"},
};

// For rules without advice of their own. Names that are absent or taken need none: a program asked.
std::string_view AdviceByKind(ErrorKind kind, int http_status) {
  if (kind == K::kNotFound || kind == K::kAlreadyExists) return "";
  if (kind == K::kThrottled) return kThrottledAdvice;
  if (kind == K::kUnavailable) return http_status >= 500 ? kServerTroubleAdvice : kCutOffAdvice;
  return kNotTakenAdvice;
}

// AccessDenied has several causes that only its message tells apart.
std::string AccessDeniedAdvice(const ServiceError& answer, const RequestNames& names,
                               std::string_view usual) {
  if (answer.message.find("must be addressed using") != std::string::npos || !answer.endpoint.empty()) {
    return StrCat("the bucket is in another region: set oss_endpoint to ",
                  answer.endpoint.empty() ? std::string_view("the bucket's own endpoint") : answer.endpoint,
                  " and oss_region to match");
  }
  if (answer.message.find("does not belong to you") != std::string::npos ||
      answer.message.find("belongs to") != std::string::npos) {
    return StrCat("bucket ", names.bucket,
                  " belongs to another account: check oss_bucket, or ask its owner for access");
  }
  if (answer.message.find("Anonymous") != std::string::npos ||
      answer.message.find("anonymous") != std::string::npos) {
    return "the bucket is private and no credentials were sent: set oss_access_key_id and "
           "oss_access_key_secret";
  }
  if (names.operation == "list" || names.operation == "probe") {
    return StrCat("the key may not list bucket ", names.bucket,
                  ": grant the RAM user or role oss:ListObjects on it, or check that oss_bucket is yours");
  }
  for (const OwnRight& own : kOwnRights) {
    if (own.operation == names.operation)
      return StrCat("the key lacks a right that unfinished uploads are ended with: grant the RAM user or role ",
                    own.right, " on bucket ", names.bucket, own.on);
  }
  for (const OwnRight& own : kObjectRights) {
    if (own.operation == names.operation)
      return StrCat("the key is known but lacks a right: grant the RAM user or role ", own.right, " on bucket ",
                    names.bucket, own.on);
  }
  return std::string(usual);
}

}  // namespace

Error MakeServiceError(const ServiceError& answer, const RequestNames& names) {
  const ErrorRule& rule = FindErrorRule(answer.http_status, answer.code);
  std::string advice(rule.advice.empty() ? AdviceByKind(rule.kind, answer.http_status) : rule.advice);
  if (answer.code == "AccessDenied") advice = AccessDeniedAdvice(answer, names, rule.advice);
  if (answer.code == "PermanentRedirect" && !answer.endpoint.empty()) {
    advice = StrCat("the bucket is in another region: set oss_endpoint to ", answer.endpoint);
  }
  // A 400 that names the region of the signature: only V4 checks it.
  if (answer.message.find("signing region") != std::string::npos ||
      answer.message.find("Invalid signing region") == 0) {
    advice = "the signature names another region than the bucket's: set oss_region";
  }
  std::string text = StrCat(DescribeRequest(names), " failed");
  if (!answer.message.empty()) text += StrCat(": ", answer.message);
  if (!text.ends_with('.')) text += '.';
  if (!advice.empty()) text += StrCat(" Next: ", advice, ".");
  Error error = MakeError(rule.errno_value, rule.kind, std::move(text));
  error.retryable = rule.remedy == Remedy::kRetry || rule.remedy == Remedy::kThrottle;
  error.oss_code = answer.code;
  error.request_id = answer.request_id;
  error.http_status = answer.http_status;
  return error;
}

}  // namespace ossfs2::oss
