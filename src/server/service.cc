#include "server/service.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>

#include "base/time/clock.h"
#include "base/values/str.h"
#include "base/values/text.h"
#include "oss/signing/encoding.h"
#include "server/exchange/xml.h"
#include "server/operations/limits.h"

namespace ossfs2::server {
namespace {

constexpr std::array<Handler*, kOperations> kHandlers = {
    GetObject,     HeadObject,     PutObject,  ListObjects, CopyObject,     DeleteObject,
    DeleteObjects, InitiateUpload, UploadPart, CopyPart,    CompleteUpload, AbortUpload,
    ListParts,     ListUploads,    PutSymlink, GetSymlink,  AppendObject,   OtherObject};

HttpResponse HtmlAnswer() {
  HttpResponse response;
  response.Add("Content-Type", "text/html");
  response.body =
      "<html><head><title>Welcome</title></head><body>Please sign in to use this network.</body></html>\n";
  return response;
}

void Replace(HttpResponse& response, const char* name, const char* value) {
  for (auto& header : response.headers) {
    if (header.first == name) header.second = value;
  }
}

bool ReceivesBody(Operation operation) {
  return operation == Operation::kPut || operation == Operation::kPart || operation == Operation::kAppend;
}

bool NamesAVersion(Operation operation) {
  constexpr Operation kOfAnObject[] = {Operation::kGet,      Operation::kHead,       Operation::kPut,
                                       Operation::kCopy,     Operation::kDelete,     Operation::kComplete,
                                       Operation::kSymlink,  Operation::kGetSymlink, Operation::kAppend};
  return std::find(std::begin(kOfAnObject), std::end(kOfAnObject), operation) != std::end(kOfAnObject);
}

// Made up, the same for each answer about one version.
void AddVersionId(const Exchange& e, HttpResponse& response) {
  const bool deletes = e.operation == Operation::kDelete;
  std::string version = StrCat(e.key, "@", deletes ? e.request_id : "");
  for (const auto& [name, value] : response.headers)
    if (name == "ETag") version += value;
  response.Add("x-oss-version-id", oss::HexEncode(oss::Md5(version)));
  if (deletes) response.Add("x-oss-delete-marker", "true");
}

// The faults that work on the finished answer.
void Bend(const Exchange& e, const Fault& fault, HttpResponse& response) {
  switch (fault.kind) {
    case FaultKind::kReset:
    case FaultKind::kLostAnswer:
      response.fault = WireFault::kReset;
      break;
    case FaultKind::kShort:
      response.fault = WireFault::kShort;
      break;
    case FaultKind::kStall:
      response.fault = WireFault::kStall;
      break;
    case FaultKind::kCorrupt:
      if (!ReceivesBody(e.operation)) response.fault = WireFault::kCorrupt;
      break;
    case FaultKind::kWrongCrc:
      Replace(response, "x-oss-hash-crc64ecma", "1234567890123456789");
      break;
    case FaultKind::kWrongEtag:
      Replace(response, "ETag", "\"00000000000000000000000000000BAD\"");
      break;
    case FaultKind::kBadXml:
      response.body.resize(response.body.size() / 2);
      break;
    default:
      break;
  }
}

}  // namespace

std::string OssService::NewRequestId() {
  static const uint64_t start = static_cast<uint64_t>(Clock::Real().NowWallNs());
  const uint64_t number = request_number_.fetch_add(1) + 1;
  char text[32];
  std::snprintf(text, sizeof(text), "%08X%016llX", static_cast<unsigned>(start >> 20),
                static_cast<unsigned long long>(number * 0x9E3779B97F4A7C15ull ^ start));
  return text;
}

HttpResponse OssService::Handle(const HttpRequest& request, BodyReader& body) {
  const auto begin = std::chrono::steady_clock::now();
  Exchange e(request, body);
  e.body_bytes = request.content_length;
  e.request_id = NewRequestId();
  e.versioned = context_.versioned;
  e.default_class = context_.storage_class;
  Address(addressing_, context_.storage, e);
  // In a path-style address the first name is the bucket's, and none is called so. Below a bucket's own host name a
  // folder may be.
  if (e.bucket_name == "-" && request.path.starts_with("/-/")) return Admin(request, body);
  DetectDialect(e);
  e.operation = Classify(e);
  stats_.requests[static_cast<size_t>(e.operation)].fetch_add(1);
  const auto fault = faults_.Pick(e.operation, e.key.empty() ? e.QueryOr("prefix", "") : e.key);
  if (fault) stats_.faults.fetch_add(1);
  if (e.operation == Operation::kGet) stats_.BeginGet();
  HttpResponse response = Finish(e, Run(e, fault), fault);
  if (e.operation == Operation::kGet) {
    response.until_sent = std::shared_ptr<void>(nullptr, [this](void*) { stats_.EndGet(); });
  }
  const int64_t latency_ns = tuning_.latency_ns.load(std::memory_order_relaxed);
  if (latency_ns > 0) stop_.SleepFor(std::chrono::nanoseconds(latency_ns));
  log_.Write(e, response, fault ? fault->name : "", std::chrono::steady_clock::now() - begin);
  return response;
}

Reply<HttpResponse> OssService::Run(Exchange& e, const std::optional<Fault>& fault) {
  if (fault) {
    switch (fault->kind) {
      case FaultKind::kStatus: {
        auto failure = Fail(fault->number, fault->code, "An error injected by --fault.");
        if (fault->retry_after_s >= 0)
          failure.value().headers = {{"Retry-After", StrCat(fault->retry_after_s)}};
        return failure;
      }
      case FaultKind::kExpiredToken:
        return Fail(403, "SecurityTokenExpired", "The security token you provided has expired.");
      case FaultKind::kHtml:
        return HtmlAnswer();
      case FaultKind::kReset:
        return HttpResponse();
      case FaultKind::kStall:
        if (e.operation != Operation::kGet) return HttpResponse();
        break;
      case FaultKind::kDelay:
        stop_.SleepFor(std::chrono::milliseconds(fault->number));
        break;
      case FaultKind::kSkew:
        e.clock_shift_s = fault->number;
        break;
      case FaultKind::kNoRange:
        e.ignore_range = true;
        break;
      case FaultKind::kCorrupt:
        e.corrupt_upload = ReceivesBody(e.operation);
        break;
      case FaultKind::kPartialDelete:
        e.partial_delete = true;
        break;
      default:
        break;
    }
  }
  const int64_t now_s = std::time(nullptr) + e.clock_shift_s;
  if (auto known = Authenticate(keys_, auth_, now_s, e); !known) return Failure(known.error());
  Reply<HttpResponse> answer = Dispatch(e);
  if (fault && fault->kind == FaultKind::kLateAnswer) stop_.SleepFor(std::chrono::milliseconds(fault->number));
  return answer;
}

Reply<HttpResponse> OssService::Dispatch(Exchange& e) {
  if (e.bucket_name.empty()) return ListBuckets(context_, e);
  if (e.key.empty() && e.operation == Operation::kOther) return OtherBucket(context_, e);
  if (e.bucket == nullptr) return NoSuchBucket();
  if (e.key.size() > kKeyBytesMax || e.key.starts_with('/') || e.key.starts_with('\\') || !IsValidUtf8(e.key)) {
    return Fail(400, "InvalidObjectName", "The specified object is not valid.");
  }
  return kHandlers[static_cast<size_t>(e.operation)](context_, e);
}

HttpResponse OssService::Finish(Exchange& e, Reply<HttpResponse> reply, const std::optional<Fault>& fault) {
  const bool done = static_cast<bool>(reply);
  HttpResponse response = done ? std::move(*reply) : ErrorAnswer(e, reply.error());
  if (done && e.versioned && NamesAVersion(e.operation)) AddVersionId(e, response);
  if (fault) Bend(e, *fault, response);
  if (fault && fault->kind == FaultKind::kHtml) return response;
  response.date_shift_s = e.clock_shift_s;
  response.Add("Server", "AliyunOSS");
  response.Add(e.dialect.s3 ? "x-amz-request-id" : "x-oss-request-id", e.request_id);
  if (!e.dialect.s3) response.Add("x-oss-server-time", "1");
  return response;
}

HttpResponse OssService::ErrorAnswer(const Exchange& e, const ServiceError& error) {
  HttpResponse response;
  response.status = error.status;
  for (const auto& [name, value] : error.headers) response.Add(name, value);
  if (error.status == 304) return response;
  XmlWriter xml;
  xml.Open("Error");
  xml.Element("Code", error.code);
  xml.Element("Message", error.message);
  xml.Element("RequestId", e.request_id);
  xml.Element("HostId", e.http.HeaderOr("Host", ""));
  if (!e.bucket_name.empty()) xml.Element("BucketName", e.bucket_name);
  if (!e.key.empty()) xml.Element("Key", e.key);
  for (const auto& [name, value] : error.elements) xml.Element(name, value);
  std::string text = xml.Take();
  response.Add("Content-Type", "application/xml");
  if (e.http.method == "HEAD") {
    if (!e.dialect.s3) response.Add("x-oss-err", oss::Base64Encode(text));
    response.content_length = 0;
  } else {
    response.body = std::move(text);
  }
  // The rest of a body that was not taken would be read as the next request.
  response.close = e.raw_body.timed_out() || (error.status == 400 && error.code == "IncompleteBody");
  return response;
}

HttpResponse OssService::Malformed(int status) {
  HttpResponse response;
  response.status = status;
  response.close = true;
  XmlWriter xml;
  xml.Open("Error");
  xml.Element("Code", status == 501 ? "NotImplemented" : "BadRequest");
  xml.Element("Message", "The request is not HTTP/1.1 as this server understands it, or too large.");
  const std::string request_id = NewRequestId();
  xml.Element("RequestId", request_id);
  response.Add("Content-Type", "application/xml");
  response.Add("Server", "AliyunOSS");
  response.Add("x-oss-request-id", request_id);
  response.body = xml.Take();
  return response;
}

void OssService::OnConnection(bool opened) {
  if (!opened) {
    stats_.connections_open.fetch_sub(1);
    return;
  }
  stats_.connections.fetch_add(1);
  stats_.connections_open.fetch_add(1);
}

}  // namespace ossfs2::server
