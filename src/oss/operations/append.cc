// AppendObject, the one verb that may not simply be repeated.
#include <algorithm>
#include <cerrno>
#include <thread>

#include "base/values/crc64.h"
#include "base/values/str.h"
#include "oss/operations/operations.h"
#include "oss/operations/read_back.h"
#include "oss/protocol/object_headers.h"

namespace ossfs2::oss {
namespace {

uint64_t CrcOfBody(const UploadBody& body) {
  uint64_t crc = 0;
  for (const auto& span : body.spans) crc = Crc64(crc, span.data(), span.size());
  return crc;
}

enum class State : uint8_t { kNotDone, kDone, kUnknown };

// What became of an append whose answer was lost: the object's length tells whether something was appended,
// the bytes read back whether it was ours.
State Resolve(OssContext& context, const std::string& key, uint64_t position, const UploadBody& body,
              WriteResult& result) {
  const uint64_t size = SizeOf(body);
  const auto info = RunHead(context, key);
  if (!info)
    return position == 0 && info.error().kind == ErrorKind::kNotFound ? State::kNotDone : State::kUnknown;
  if (info->size == position) return State::kNotDone;
  if (info->size != position + size) return State::kUnknown;
  const auto crc = CrcOfRange(context, *info, position, size);
  if (!crc || *crc != CrcOfBody(body)) return State::kUnknown;
  result = {info->etag, info->crc64, info->mtime_s};
  return State::kDone;
}

OssRequest AppendRequest(const std::string& key, uint64_t position, const UploadBody& body) {
  OssRequest request;
  request.operation = "append";
  request.method = "POST";
  request.key = key;
  request.query = {{"append", ""}, {"position", StrCat(position)}};
  request.body = body.spans;
  request.repeat_when_lost = false;
  return request;
}

}  // namespace

Result<WriteResult> RunAppend(OssContext& context, const std::string& key, uint64_t position,
                              const UploadBody& body, const WriteOptions& options) {
  OssRequest request = AppendRequest(key, position, body);
  if (position == 0) {
    WriteOptions first = options;
    first.encryption.key_id.clear();  // the service takes none here
    OSSFS2_RETURN_IF_ERROR(AddWriteHeaders(context.config, key, first, request.headers));
  } else {
    request.headers = {{"content-type", "application/octet-stream"}};
  }
  const SteadyTime deadline = context.clock.NowSteady() + context.TimeoutOf(request) + OssContext::AllowanceOf(request);
  auto delay = context.config.retry_delay_min;
  while (true) {
    const Outcome outcome = RunExchange(context, request);
    if (outcome.answer) {
      const http::ResponseHead& head = outcome.answer->head;
      context.metrics.bytes_sent.Add(SizeOf(body));
      const WriteResult result{HeaderText(head, "etag"), CrcOf(head), DateOf(head)};
      const bool is_first = position == 0 && context.config.check_crc64 && body.crc64 && result.crc64;
      if (is_first && *body.crc64 != *result.crc64) {
        return CorruptAnswer(context.Names(request), "OSS stored other bytes than were sent (CRC64)",
                             kDamagedWriteAdvice)
            .error;
      }
      return result;
    }
    if (outcome.answers_lost == 0 || outcome.answer.error().kind == ErrorKind::kCanceled)
      return outcome.answer.error();
    WriteResult result;
    const State state = Resolve(context, key, position, body, result);
    if (state == State::kDone) return result;
    if (state == State::kUnknown || context.clock.NowSteady() + delay >= deadline)
      return outcome.answer.error();
    std::this_thread::sleep_for(delay);
    delay = std::min(2 * delay, context.config.retry_delay_max);
  }
}

}  // namespace ossfs2::oss
