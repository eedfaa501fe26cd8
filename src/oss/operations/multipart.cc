// Initiate, complete and abort of multipart uploads.
#include <algorithm>
#include <cerrno>

#include "base/values/str.h"
#include "oss/operations/absence_check.h"
#include "oss/operations/operations.h"
#include "oss/operations/orphan_uploads.h"
#include "oss/operations/read_back.h"
#include "oss/protocol/object_headers.h"
#include "oss/protocol/oss_xml.h"

namespace ossfs2::oss {
namespace {

uint64_t SizeOf(const std::vector<PartResult>& parts) {
  uint64_t size = 0;
  for (const PartResult& part : parts) size += part.size;
  return size;
}

// Without a CRC64 of the whole (parts that were copied have none): the smallest part that was sent is read back, since
// another host may have made an object of as many bytes and parts. With no such part those two must do.
bool HoldsWhatWasSent(OssContext& context, const ObjectInfo& info, const std::vector<PartResult>& parts) {
  const PartResult* smallest = nullptr;
  uint64_t offset = 0;
  uint64_t at = 0;
  for (const PartResult& part : parts) {
    if (part.crc64 && part.size > 0 && (smallest == nullptr || part.size < smallest->size)) {
      smallest = &part;
      offset = at;
    }
    at += part.size;
  }
  if (!info.etag.ends_with(StrCat("-", parts.size()))) return false;
  if (smallest == nullptr) return true;
  const auto crc = CrcOfRange(context, info, offset, smallest->size);
  return crc && *crc == *smallest->crc64;
}

// After a lost answer: whether the object at the key is the completed upload.
std::optional<WriteResult> ResolveLostComplete(OssContext& context, const std::string& key,
                                               const std::vector<PartResult>& parts,
                                               std::optional<uint64_t> crc64) {
  const auto info = RunHead(context, key);
  if (!info || info->size != SizeOf(parts) || info->type != ObjectType::kMultipart) return std::nullopt;
  const bool is_ours =
      crc64 && info->crc64 ? *crc64 == *info->crc64 : HoldsWhatWasSent(context, *info, parts);
  if (!is_ours) return std::nullopt;
  return WriteResult{info->etag, info->crc64, info->mtime_s};
}

// Attempts before may each have opened an upload.
void LookForOrphans(OrphanUploads& orphans, const std::string& key, const Outcome& outcome,
                    std::chrono::nanoseconds spent) {
  const int64_t answered_s = DateOf(outcome.answer->head);
  if (answered_s == 0) return;  // without the service's clock nobody can tell which are ours
  const int64_t spent_s = std::chrono::ceil<std::chrono::seconds>(spent).count();
  orphans.LookFor({key, outcome.answers_lost, answered_s - spent_s, answered_s});
}

}  // namespace

Result<std::string> RunInitiate(OssContext& context, OrphanUploads& orphans, const std::string& key,
                                const WriteOptions& options) {
  OssRequest request;
  request.operation = "initiate";
  request.method = "POST";
  request.key = key;
  request.query = {{"uploads", ""}};
  OSSFS2_RETURN_IF_ERROR(AddWriteHeaders(context.config, key, options, request.headers));
  const RequestNames names = {"initiate", key, context.endpoint.bucket, context.endpoint.text};
  std::string upload_id;
  orphans.Begin(key);
  const SteadyTime begun = context.clock.NowSteady();
  const Outcome outcome =
      RunExchange(context, std::move(request), [&](const Answer& answer) -> std::optional<Failure> {
        auto parsed = ParseInitiateXml(answer.body);
        if (!parsed) return CorruptAnswer(names, parsed.error().text);
        upload_id = std::move(*parsed);
        return std::nullopt;
      });
  orphans.End(key, outcome.answer ? upload_id : "");
  if (!outcome.answer) return outcome.answer.error();
  if (outcome.answers_lost > 0) LookForOrphans(orphans, key, outcome, context.clock.NowSteady() - begun);
  return upload_id;
}

Result<WriteResult> RunComplete(OssContext& context, const std::string& key, const std::string& upload_id,
                                const std::vector<PartResult>& parts, std::optional<uint64_t> crc64,
                                bool forbid_overwrite) {
  if (forbid_overwrite) OSSFS2_RETURN_IF_ERROR(CheckAbsent(context, key));
  OssRequest request;
  request.operation = "complete";
  request.method = "POST";
  request.key = key;
  request.query = {{"uploadId", upload_id}};
  request.headers = {{"content-type", "application/xml"}};
  // Silent until thousands of parts are joined.
  request.stall_timeout = std::max(context.config.stall_timeout.value(), context.config.request_timeout.value());
  if (forbid_overwrite) request.headers.emplace_back("x-oss-forbid-overwrite", "true");
  // The service takes the ACL from here; what Initiate was told of it does not count.
  if (!context.config.object_acl.empty()) request.headers.emplace_back("x-oss-object-acl", context.config.object_acl);
  request.text_body = std::make_shared<const std::string>(MakeCompleteXml(parts));
  const RequestNames names = {"complete", key, context.endpoint.bucket, context.endpoint.text};
  const Outcome outcome =
      RunExchange(context, std::move(request), [&](const Answer& answer) -> std::optional<Failure> {
        const auto parsed = ParseCompleteXml(answer.body);
        if (parsed) return std::nullopt;
        if (auto failure = JudgeErrorBody(answer.head, answer.body, names)) return failure;
        return CorruptAnswer(names, parsed.error().text);
      });
  if (!outcome.answer) {
    if (outcome.answers_lost > 0) {
      if (const auto made = ResolveLostComplete(context, key, parts, crc64)) return *made;
    }
    return outcome.answer.error();
  }
  const http::ResponseHead& head = outcome.answer->head;
  const auto etag = ParseCompleteXml(outcome.answer->body);
  if (!etag) return etag.error();
  const WriteResult result{*etag, CrcOf(head), DateOf(head)};
  if (context.config.check_crc64 && crc64 && result.crc64 && *crc64 != *result.crc64) {
    // Perhaps only this header was damaged: the object itself decides.
    if (const auto made = ResolveLostComplete(context, key, parts, crc64)) return *made;
    return CorruptAnswer(names, "the CRC64 of the object is not the one of what was written", kDamagedWriteAdvice)
        .error;
  }
  return result;
}

Status RunAbort(OssContext& context, const std::string& key, const std::string& upload_id) {
  OssRequest request;
  request.operation = "abort";
  request.method = "DELETE";
  request.key = key;
  request.query = {{"uploadId", upload_id}};
  const Outcome outcome = RunExchange(context, std::move(request));
  if (outcome.answer || outcome.answer.error().kind == ErrorKind::kNotFound) return {};
  return outcome.answer.error();
}

}  // namespace ossfs2::oss
