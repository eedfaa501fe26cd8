// PutObject and UploadPart.
#include <utility>

#include "base/values/str.h"
#include "oss/operations/absence_check.h"
#include "oss/operations/operations.h"
#include "oss/protocol/object_headers.h"

namespace ossfs2::oss {

uint64_t SizeOf(const UploadBody& body) {
  uint64_t size = 0;
  for (const auto& span : body.spans) size += span.size();
  return size;
}

namespace {

void AddBody(const OssContext& context, const UploadBody& body, OssRequest& request) {
  request.body = body.spans;
  // With it OSS refuses damaged bytes before it stores them.
  if (context.config.check_crc64 && body.crc64) {
    request.headers.emplace_back("x-oss-hash-crc64ecma", StrCat(*body.crc64));
  }
  if (context.config.traffic_limit_bits_per_s.value() > 0) {
    request.headers.emplace_back("x-oss-traffic-limit", StrCat(context.config.traffic_limit_bits_per_s.value()));
  }
}

// An upload's answer must have an ETag, and the CRC64 of what was sent.
Accept AcceptUpload(OssContext& context, const OssRequest& request, std::optional<uint64_t> crc64) {
  return [&context, operation = request.operation, key = request.key,
          crc64](const Answer& answer) -> std::optional<Failure> {
    const RequestNames names{operation, key, context.endpoint.bucket, context.endpoint.text};
    if (HeaderText(answer.head, "etag").empty()) return CorruptAnswer(names, "the answer has no ETag");
    const auto stored = CrcOf(answer.head);
    if (!context.config.check_crc64 || !crc64 || !stored || *stored == *crc64) return std::nullopt;
    Failure failure = CorruptAnswer(names, "OSS stored other bytes than were sent (CRC64)", kDamagedWriteAdvice);
    failure.published_damaged = true;
    return failure;
  };
}

WriteResult ReadWriteResult(const http::ResponseHead& head) {
  return {HeaderText(head, "etag"), CrcOf(head), DateOf(head)};
}

// Asks whether the object at the key was made by the put with this mark: its own first attempt may have taken
// the name although the answer never came (the HTTP client, too, repeats a PUT whose connection died
// unanswered).
void RecogniseOwnPut(OssContext& context, const std::string& key, const std::string& mark, const Error& error,
                     std::function<void(Result<WriteResult>)> done) {
  OssRequest request;
  request.operation = "head";
  request.method = "HEAD";
  request.key = key;
  StartExchange(context, std::move(request), nullptr,
                [key, mark, error, done = std::move(done)](Outcome outcome) {
                  if (outcome.answer && HeaderText(outcome.answer->head, kPutMarkHeader) == mark) {
                    const auto info = ReadObjectInfo(key, outcome.answer->head);
                    if (info) return done(WriteResult{info->etag, info->crc64, info->mtime_s});
                  }
                  done(error);
                });
}

// A call that failed before it was sent: done runs elsewhere, as always.
class EndedCall final : public StoreCall {
 public:
  void Cancel() override {}
};

template <class Value>
std::shared_ptr<StoreCall> FailLater(OssContext& context, Error error,
                                     std::function<void(Result<Value>)> done) {
  context.executor.Run([error = std::move(error), done = std::move(done)] { done(error); });
  return std::make_shared<EndedCall>();
}

std::shared_ptr<StoreCall> PutNow(OssContext& context, std::string key, const UploadBody& body,
                                  const WriteOptions& options, std::function<void(Result<WriteResult>)> done) {
  OssRequest request;
  request.operation = "put";
  request.method = "PUT";
  request.key = key;
  if (Status ready = AddWriteHeaders(context.config, key, options, request.headers); !ready) {
    return FailLater<WriteResult>(context, std::move(ready.error()), std::move(done));
  }
  AddBody(context, body, request);
  std::string mark;
  if (options.forbid_overwrite) {
    mark = context.RandomText();
    request.headers.emplace_back(kPutMarkHeader, mark);
  }
  Accept accept = AcceptUpload(context, request, body.crc64);
  return StartExchange(context, std::move(request), std::move(accept),
                       [&context, key = std::move(key), size = SizeOf(body), mark = std::move(mark),
                        done = std::move(done)](Outcome outcome) {
                         if (outcome.answer) {
                           context.metrics.bytes_sent.Add(size);
                           return done(ReadWriteResult(outcome.answer->head));
                         }
                         const Error& error = outcome.answer.error();
                         if (!mark.empty() && error.kind == ErrorKind::kAlreadyExists) {
                           return RecogniseOwnPut(context, key, mark, error, done);
                         }
                         done(error);
                       });
}

}  // namespace

std::shared_ptr<StoreCall> StartPut(OssContext& context, std::string key, UploadBody body,
                                    WriteOptions options, std::function<void(Result<WriteResult>)> done) {
  if (!options.forbid_overwrite) return PutNow(context, std::move(key), body, options, std::move(done));
  return StartIfAbsent(context, key, [done](Error error) { done(std::move(error)); },
                       [&context, key, body = std::move(body), options = std::move(options), done] {
                         return PutNow(context, key, body, options, done);
                       });
}

std::shared_ptr<StoreCall> StartPart(OssContext& context, std::string key, std::string upload_id, int number,
                                     UploadBody body, std::function<void(Result<PartResult>)> done) {
  OssRequest request;
  request.operation = "part";
  request.method = "PUT";
  request.key = std::move(key);
  request.query = {{"partNumber", StrCat(number)}, {"uploadId", std::move(upload_id)}};
  AddBody(context, body, request);
  Accept accept = AcceptUpload(context, request, body.crc64);
  return StartExchange(context, std::move(request), std::move(accept),
                       [&context, number, size = SizeOf(body), done = std::move(done)](Outcome outcome) {
                         if (!outcome.answer) return done(outcome.answer.error());
                         context.metrics.bytes_sent.Add(size);
                         const http::ResponseHead& head = outcome.answer->head;
                         done(PartResult{number, HeaderText(head, "etag"), size, CrcOf(head)});
                       });
}

}  // namespace ossfs2::oss
