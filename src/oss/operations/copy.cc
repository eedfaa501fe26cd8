// CopyObject and UploadPartCopy.
#include <algorithm>
#include <chrono>

#include "base/values/str.h"
#include "oss/operations/absence_check.h"
#include "oss/operations/operations.h"
#include "oss/protocol/object_headers.h"
#include "oss/protocol/oss_xml.h"
#include "oss/signing/encoding.h"

namespace ossfs2::oss {
namespace {

// A server-side copy is silent until it is done, which may take longer than other answers.
void AllowSilence(const OssContext& context, OssRequest& request) {
  request.timeout = 2 * context.config.request_timeout.value();
  request.stall_timeout = std::max(context.config.stall_timeout.value(), context.config.request_timeout.value());
}

void AddSource(const OssContext& context, const std::string& key, const std::string& etag, OssRequest& request) {
  request.source = key;
  request.headers.emplace_back("x-oss-copy-source",
                               StrCat("/", context.endpoint.bucket, "/", PercentEncodePath(key)));
  if (!etag.empty()) request.headers.emplace_back("x-oss-copy-source-if-match", StrCat("\"", etag, "\""));
}

// A 200 may carry an <Error>, or be of a stranger: only the result document counts.
Accept AcceptCopy(const RequestNames& names) {
  return [names](const Answer& answer) -> std::optional<Failure> {
    const auto parsed = ParseCopyXml(answer.body);
    if (parsed) return std::nullopt;
    if (auto failure = JudgeErrorBody(answer.head, answer.body, names)) return failure;
    return CorruptAnswer(names, parsed.error().text);
  };
}

bool HasMetadata(const ObjectInfo& info, const Metadata& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& item) {
    const auto at = info.metadata.find(item.first);
    return at != info.metadata.end() && at->second == item.second;
  });
}

// The target, when it was written since `seconds` ago by the service's own clock.
std::optional<ObjectInfo> HeadIfRecent(OssContext& context, const std::string& key, int64_t seconds) {
  int64_t answered_s = 0;
  auto info = RunHead(context, key, &answered_s);
  if (!info || answered_s - info->mtime_s > seconds) return std::nullopt;
  return std::move(*info);
}

bool HasSameContent(OssContext& context, const ObjectInfo& a, const ObjectInfo& b) {
  if (a.type == ObjectType::kSymlink && b.type == ObjectType::kSymlink) {
    const auto target_of_a = RunGetSymlink(context, a.key);
    const auto target_of_b = RunGetSymlink(context, b.key);
    return target_of_a && target_of_b && *target_of_a == *target_of_b;
  }
  return a.size == b.size && a.crc64 && a.crc64 == b.crc64;
}

// Whether the target is what a copy whose answer was lost would have made: written meanwhile, with the
// content of the source and the metadata asked for.
std::optional<WriteResult> ResolveLostCopy(OssContext& context, const CopyRequest& copy, SteadyTime started) {
  const auto spent = std::chrono::duration_cast<std::chrono::seconds>(context.clock.NowSteady() - started);
  const auto target = HeadIfRecent(context, copy.target_key, spent.count() + 1);
  if (!target) return std::nullopt;
  if (copy.replace && !HasMetadata(*target, copy.replace->metadata)) return std::nullopt;
  if (copy.source_key != copy.target_key) {
    const auto source = RunHead(context, copy.source_key);
    if (!source || !HasSameContent(context, *source, *target)) return std::nullopt;
  } else if (!copy.replace) {
    return std::nullopt;
  }
  return WriteResult{target->etag, target->crc64, target->mtime_s};
}

}  // namespace

Result<WriteResult> RunCopy(OssContext& context, const CopyRequest& copy) {
  OssRequest request;
  request.operation = "copy";
  request.method = "PUT";
  request.key = copy.target_key;
  AllowSilence(context, request);
  AddSource(context, copy.source_key, copy.source_etag, request);
  if (copy.replace) {
    WriteOptions options = *copy.replace;
    options.tags.clear();  // the source's stay
    OSSFS2_RETURN_IF_ERROR(AddWriteHeaders(context.config, copy.target_key, options, request.headers));
    request.headers.emplace_back("x-oss-metadata-directive", "REPLACE");
  } else {
    AddStoreHeaders(context.config, copy.encryption, "", request.headers);
  }
  // Without it the source's tags stay, whatever the tags that are sent.
  if (!context.config.tagging.empty()) request.headers.emplace_back("x-oss-tagging-directive", "Replace");
  const bool has_forbid = copy.replace && copy.replace->forbid_overwrite;
  if (copy.forbid_overwrite && !has_forbid) request.headers.emplace_back("x-oss-forbid-overwrite", "true");
  if (copy.forbid_overwrite || has_forbid) OSSFS2_RETURN_IF_ERROR(CheckAbsent(context, copy.target_key));
  const RequestNames names{"copy", copy.target_key, context.endpoint.bucket, context.endpoint.text, copy.source_key};
  const SteadyTime started = context.clock.NowSteady();
  const Outcome outcome = RunExchange(context, std::move(request), AcceptCopy(names));
  if (!outcome.answer) {
    if (outcome.answers_lost > 0) {
      if (const auto made = ResolveLostCopy(context, copy, started)) return *made;
    }
    return outcome.answer.error();
  }
  const auto parsed = ParseCopyXml(outcome.answer->body);
  if (!parsed) return parsed.error();
  const int64_t mtime_s = parsed->mtime_s != 0 ? parsed->mtime_s : DateOf(outcome.answer->head);
  return WriteResult{parsed->etag, CrcOf(outcome.answer->head), mtime_s};
}

Result<PartResult> RunCopyPart(OssContext& context, const std::string& key, const std::string& upload_id,
                               int number, const std::string& source_key, const std::string& source_etag,
                               uint64_t offset, uint64_t size) {
  OssRequest request;
  request.operation = "copy_part";
  request.method = "PUT";
  request.key = key;
  request.query = {{"partNumber", StrCat(number)}, {"uploadId", upload_id}};
  AllowSilence(context, request);
  AddSource(context, source_key, source_etag, request);
  request.headers.emplace_back("x-oss-copy-source-range", StrCat("bytes=", offset, "-", offset + size - 1));
  const RequestNames names{"copy_part", key, context.endpoint.bucket, context.endpoint.text, source_key};
  const Outcome outcome = RunExchange(context, std::move(request), AcceptCopy(names));
  if (!outcome.answer) return outcome.answer.error();
  const auto parsed = ParseCopyXml(outcome.answer->body);
  if (!parsed) return parsed.error();
  return PartResult{number, parsed->etag, size, CrcOf(outcome.answer->head)};
}

}  // namespace ossfs2::oss
