// HeadObject, symbolic links and tags.
#include <cerrno>

#include "base/values/str.h"
#include "oss/operations/absence_check.h"
#include "oss/operations/operations.h"
#include "oss/protocol/object_headers.h"
#include "oss/protocol/oss_xml.h"
#include "oss/signing/encoding.h"

namespace ossfs2::oss {
namespace {

OssRequest SymlinkRequest(const char* operation, const char* method, const std::string& key) {
  OssRequest request;
  request.operation = operation;
  request.method = method;
  request.key = key;
  request.query = {{"symlink", ""}};
  return request;
}

// The link itself: HEAD tells size and ETag of its target, and nothing when the link dangles. `mark`, when
// given, must be the link's put mark.
Result<ObjectInfo> HeadLink(OssContext& context, const std::string& key, const std::string& mark = "",
                            int64_t* answered_s = nullptr) {
  const Outcome outcome = RunExchange(context, SymlinkRequest("get_symlink", "GET", key));
  if (!outcome.answer) return outcome.answer.error();
  const http::ResponseHead& head = outcome.answer->head;
  if (answered_s != nullptr) *answered_s = DateOf(head);
  if (!mark.empty() && HeaderText(head, kPutMarkHeader) != mark) {
    return MakeError(EEXIST, ErrorKind::kAlreadyExists, "another made the link");
  }
  auto info = ReadObjectInfo(key, head);
  if (!info) return info.error();
  info->type = ObjectType::kSymlink;
  info->size = PercentDecode(HeaderText(head, "x-oss-symlink-target")).size();
  info->crc64.reset();
  return info;
}

}  // namespace

Result<ObjectInfo> RunHead(OssContext& context, const std::string& key, int64_t* answered_s) {
  OssRequest request;
  request.operation = "head";
  request.method = "HEAD";
  request.key = key;
  const Outcome outcome =
      RunExchange(context, std::move(request), [&key](const Answer& answer) -> std::optional<Failure> {
        auto info = ReadObjectInfo(key, answer.head);
        if (info) return std::nullopt;
        return FailureOf(std::move(info.error()));
      });
  if (outcome.answer) {
    auto info = ReadObjectInfo(key, outcome.answer->head);
    if (info && info->type == ObjectType::kSymlink) return HeadLink(context, key, "", answered_s);
    if (answered_s != nullptr) *answered_s = DateOf(outcome.answer->head);
    return info;
  }
  const Error& error = outcome.answer.error();
  if (error.oss_code == "SymlinkTargetNotExist" || error.oss_code == "InvalidTargetType")
    return HeadLink(context, key, "", answered_s);
  return error;
}

Result<WriteResult> RunPutSymlink(OssContext& context, const std::string& key, const std::string& target,
                                  const WriteOptions& options) {
  OssRequest request = SymlinkRequest("symlink", "PUT", key);
  OSSFS2_RETURN_IF_ERROR(AddWriteHeaders(context.config, key, options, request.headers));
  request.headers.emplace_back("x-oss-symlink-target", PercentEncodePath(target));
  if (options.forbid_overwrite) OSSFS2_RETURN_IF_ERROR(CheckAbsent(context, key));
  const std::string mark = options.forbid_overwrite ? OssContext::RandomText() : "";
  if (!mark.empty()) request.headers.emplace_back(kPutMarkHeader, mark);
  const Outcome outcome = RunExchange(context, std::move(request));
  if (outcome.answer) {
    const http::ResponseHead& head = outcome.answer->head;
    return WriteResult{HeaderText(head, "etag"), std::nullopt, DateOf(head)};
  }
  const Error& error = outcome.answer.error();
  if (!mark.empty() && error.kind == ErrorKind::kAlreadyExists) {
    // Perhaps an attempt whose answer was lost made it.
    const auto info = HeadLink(context, key, mark);
    if (info) return WriteResult{info->etag, std::nullopt, info->mtime_s};
  }
  return error;
}

Result<std::string> RunGetSymlink(OssContext& context, const std::string& key) {
  const OssRequest request = SymlinkRequest("get_symlink", "GET", key);
  const RequestNames names = context.Names(request);
  const Outcome outcome =
      RunExchange(context, request, [&names](const Answer& answer) -> std::optional<Failure> {
        if (!HeaderText(answer.head, "x-oss-symlink-target").empty()) return std::nullopt;
        return CorruptAnswer(names, "the answer has no link target");
      });
  if (!outcome.answer) return outcome.answer.error();
  return PercentDecode(HeaderText(outcome.answer->head, "x-oss-symlink-target"));
}

Result<std::string> RunGetTags(OssContext& context, const std::string& key) {
  OssRequest request;
  request.operation = "get_tags";
  request.method = "GET";
  request.key = key;
  request.query = {{"tagging", ""}};
  const Outcome outcome = RunExchange(context, std::move(request), [](const Answer& answer) -> std::optional<Failure> {
    auto tags = ParseTagsXml(answer.body);
    if (tags) return std::nullopt;
    return FailureOf(std::move(tags.error()));
  });
  if (!outcome.answer) return outcome.answer.error();
  return ParseTagsXml(outcome.answer->body);
}

}  // namespace ossfs2::oss
