// Lists: objects, parts, uploads; and the probe, which is a list of one.
#include <algorithm>
#include <cerrno>
#include <iterator>

#include "base/values/str.h"
#include "oss/operations/operations.h"
#include "oss/protocol/error_table.h"
#include "oss/protocol/oss_xml.h"

namespace ossfs2::oss {
namespace {

// Runs a list request and parses its answer; a document that does not parse is asked for again.
template <class Page>
Result<Page> RunParsed(OssContext& context, const OssRequest& request,
                       Result<Page> (*parse)(std::string_view)) {
  Page page;
  const RequestNames names = context.Names(request);
  const Outcome outcome = RunExchange(context, request, [&](const Answer& answer) -> std::optional<Failure> {
    auto parsed = parse(answer.body);
    if (parsed) {
      page = std::move(*parsed);
      return std::nullopt;
    }
    if (auto failure = JudgeErrorBody(answer.head, answer.body, names)) return failure;
    return CorruptAnswer(names, parsed.error().text);
  });
  if (!outcome.answer) {
    Error error = outcome.answer.error();
    // A list that fails never reads as "no such name".
    if (error.errno_value == ENOENT && request.key.empty()) {
      error.errno_value = EIO;
      error.kind = ErrorKind::kOther;
    }
    return error;
  }
  return page;
}

// A page that is followed by itself.
Error NoEnd(std::string_view operation, const std::string& of) {
  return MakeError(EIO, ErrorKind::kCorrupt,
                   StrCat(operation, " of ", of, " failed: its pages do not go on. Next: ", kStrangeAnswerAdvice, "."));
}

OssRequest ListObjectsRequest(const ListRequest& list) {
  OssRequest request;
  request.operation = "list";
  request.method = "GET";
  request.query = {{"list-type", "2"}, {"encoding-type", "url"}, {"max-keys", StrCat(list.max_keys)}};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) request.query.emplace_back(name, value);
  };
  add("prefix", list.prefix);
  add("delimiter", list.delimiter);
  add("continuation-token", list.continuation);
  if (list.continuation.empty()) add("start-after", list.start_after);
  return request;
}

// Entries outside the prefix or beyond what was asked: not the answer to this question.
bool Answers(const ListPage& page, const ListRequest& list) {
  return page.entries.size() <= static_cast<size_t>(list.max_keys) &&
         std::all_of(page.entries.begin(), page.entries.end(),
                     [&](const ListEntry& entry) { return entry.key.starts_with(list.prefix); });
}

}  // namespace

Result<ListPage> RunList(OssContext& context, const ListRequest& request) {
  if (request.max_keys < 1 || request.max_keys > 1000) {
    return MakeError(EINVAL, ErrorKind::kInvalid,
                     StrCat("a list of ", request.max_keys, " keys; 1 to 1000 are possible"));
  }
  auto page = RunParsed<ListPage>(context, ListObjectsRequest(request), ParseListXml);
  if (page && !Answers(*page, request)) {
    return MakeError(EIO, ErrorKind::kCorrupt,
                     StrCat("list of ", request.prefix, " in bucket ", context.endpoint.bucket,
                            " failed: the answer has keys that were not asked for. Next: ", kStrangeAnswerAdvice, "."));
  }
  return page;
}

Result<std::vector<PartResult>> RunListParts(OssContext& context, const std::string& key,
                                             const std::string& upload_id) {
  std::vector<PartResult> parts;
  int marker = 0;
  while (true) {
    OssRequest request;
    request.operation = "list_parts";
    request.method = "GET";
    request.key = key;
    request.query = {{"uploadId", upload_id}, {"max-parts", "1000"}, {"part-number-marker", StrCat(marker)}};
    auto page = RunParsed<PartsPage>(context, request, ParsePartsXml);
    if (!page) return page.error();
    parts.insert(parts.end(), page->parts.begin(), page->parts.end());
    if (!page->truncated) return parts;
    if (page->next_marker <= marker) return NoEnd(request.operation, key);
    marker = page->next_marker;
  }
}

Result<std::vector<UploadInfo>> RunListUploads(OssContext& context, const std::string& prefix) {
  std::vector<UploadInfo> uploads;
  std::string key_marker;
  std::string id_marker;
  while (true) {
    OssRequest request;
    request.operation = "list_uploads";
    request.method = "GET";
    request.query = {{"uploads", ""}, {"max-uploads", "1000"}, {"encoding-type", "url"}};
    if (!prefix.empty()) request.query.emplace_back("prefix", prefix);
    if (!key_marker.empty()) {
      request.query.emplace_back("key-marker", key_marker);
      request.query.emplace_back("upload-id-marker", id_marker);
    }
    auto page = RunParsed<UploadsPage>(context, request, ParseUploadsXml);
    if (!page) return page.error();
    std::move(page->uploads.begin(), page->uploads.end(), std::back_inserter(uploads));
    const bool moves = page->next_key != key_marker || page->next_upload_id != id_marker;
    if (!page->truncated) return uploads;
    if (!moves) return NoEnd(request.operation, prefix);
    key_marker = page->next_key;
    id_marker = page->next_upload_id;
  }
}

Result<std::vector<UploadInfo>> RunListUploadsOf(OssContext& context, const std::string& key) {
  constexpr int kAttemptsMax = 4;
  OssRequest request;
  request.operation = "list_uploads";
  request.method = "GET";
  // Of the keys with this prefix the key itself is the first.
  request.query = {{"uploads", ""}, {"max-uploads", "1000"}, {"encoding-type", "url"}, {"prefix", key}};
  request.attempts_max = kAttemptsMax;
  auto page = RunParsed<UploadsPage>(context, request, ParseUploadsXml);
  if (!page) return page.error();
  std::erase_if(page->uploads, [&key](const UploadInfo& upload) { return upload.key != key; });
  return std::move(page->uploads);
}

Status RunProbe(OssContext& context, const std::string& prefix, std::chrono::milliseconds deadline) {
  constexpr int kAttemptsMax = 4;
  ListRequest list;
  list.prefix = prefix;
  list.max_keys = 1;
  OssRequest request = ListObjectsRequest(list);
  request.operation = "probe";
  request.timeout = deadline;
  request.attempts_max = kAttemptsMax;
  auto page = RunParsed<ListPage>(context, request, ParseListXml);
  if (!page) return page.error();
  return {};
}

}  // namespace ossfs2::oss
