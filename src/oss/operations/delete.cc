// DeleteObject and DeleteMultipleObjects.
#include <algorithm>
#include <cerrno>
#include <thread>
#include <unordered_set>

#include "base/values/str.h"
#include "oss/operations/operations.h"
#include "oss/protocol/oss_xml.h"
#include "oss/signing/encoding.h"

namespace ossfs2::oss {
namespace {

constexpr size_t kKeysMax = 1000;
constexpr size_t kBodyBytesMax = 2'000'000;  // OSS refuses more than 2 MB

// Deletes one batch; the keys that the answer names are gone.
Result<std::vector<std::string>> DeleteBatch(OssContext& context, const std::vector<std::string>& keys) {
  OssRequest request;
  request.operation = "delete_many";
  request.method = "POST";
  request.query = {{"delete", ""}, {"encoding-type", "url"}};
  request.text_body = std::make_shared<const std::string>(MakeDeleteXml(keys));
  request.headers = {{"content-type", "application/xml"},
                     {"content-md5", Base64Encode(Md5(*request.text_body))}};
  const RequestNames names = {"delete_many", keys.front(), context.endpoint.bucket, context.endpoint.text};
  std::vector<std::string> gone;
  const Outcome outcome =
      RunExchange(context, std::move(request), [&](const Answer& answer) -> std::optional<Failure> {
        auto parsed = ParseDeletedXml(answer.body);
        if (parsed) {
          gone = std::move(*parsed);
          return std::nullopt;
        }
        if (auto failure = JudgeErrorBody(answer.head, answer.body, names)) return failure;
        return CorruptAnswer(names, parsed.error().text);
      });
  if (!outcome.answer) return outcome.answer.error();
  return gone;
}

// The first keys of `left` that one request can carry.
std::vector<std::string> TakeBatch(const std::vector<std::string>& left) {
  std::vector<std::string> batch;
  size_t bytes = 0;
  for (const std::string& key : left) {
    bytes += 6 * key.size() + 40;  // every byte may become &quot;
    if (!batch.empty() && (bytes > kBodyBytesMax || batch.size() == kKeysMax)) break;
    batch.push_back(key);
  }
  return batch;
}

}  // namespace

Status RunDelete(OssContext& context, const std::string& key) {
  OssRequest request;
  request.operation = "delete";
  request.method = "DELETE";
  request.key = key;
  const Outcome outcome = RunExchange(context, std::move(request));
  if (outcome.answer || outcome.answer.error().oss_code == "NoSuchKey") return {};
  return outcome.answer.error();
}

Status RunDeleteMany(OssContext& context, const std::vector<std::string>& keys) {
  if (keys.size() > kKeysMax) {
    return MakeError(EINVAL, ErrorKind::kInvalid,
                     StrCat("delete of ", keys.size(), " keys at once; OSS takes ", kKeysMax));
  }
  std::vector<std::string> left;
  for (const std::string& key : keys) {
    if (IsXmlKey(key)) {
      left.push_back(key);
    } else {
      OSSFS2_RETURN_IF_ERROR(RunDelete(context, key));
    }
  }
  const SteadyTime deadline = context.clock.NowSteady() + context.config.request_timeout.value();
  auto delay = context.config.retry_delay_min;
  while (!left.empty()) {
    const auto gone = DeleteBatch(context, TakeBatch(left));
    if (!gone) return gone.error();
    const std::unordered_set<std::string> gone_set(gone->begin(), gone->end());
    const size_t erased = std::erase_if(left, [&](const std::string& key) { return gone_set.contains(key); });
    if (erased > 0 || left.empty()) continue;
    // Under load OSS deletes only a part; those that it does not name are asked for again.
    if (context.clock.NowSteady() + delay >= deadline) {
      return MakeError(EIO, ErrorKind::kThrottled,
                       StrCat("delete_many in bucket ", context.endpoint.bucket, " failed: OSS left ",
                              left.size(), " keys undeleted, the first is ", left.front(),
                              ". Next: remove them again when the bucket has less to do."));
    }
    context.metrics.retries.Add();
    std::this_thread::sleep_for(delay);
    delay = std::min(2 * delay, context.config.retry_delay_max);
  }
  return {};
}

}  // namespace ossfs2::oss
