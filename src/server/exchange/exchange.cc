#include "server/exchange/exchange.h"

#include <algorithm>
#include <array>

#include "base/values/str.h"
#include "oss/signing/encoding.h"
#include "server/storage/storage.h"

namespace ossfs2::server {
namespace {

bool IsIpOrLocalhost(std::string_view host) {
  return host.empty() || host == "localhost" || host.starts_with('[') ||
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

std::string_view StripPort(std::string_view host) {
  const size_t colon = host.rfind(':');
  return colon == std::string_view::npos || host.ends_with(']') ? host : host.substr(0, colon);
}

// The bucket that the host names; empty: the path names it.
std::string BucketOfHost(const Addressing& addressing, const Storage& storage, std::string_view host) {
  for (const auto& [name, bucket] : addressing.cnames) {
    if (EqualsIgnoringCase(host, name)) return bucket;
  }
  if (IsIpOrLocalhost(host)) return {};
  for (const std::string& endpoint : addressing.endpoints) {
    if (EqualsIgnoringCase(host, endpoint)) return {};
    if (host.ends_with(StrCat(".", endpoint)))
      return std::string(host.substr(0, host.size() - endpoint.size() - 1));
  }
  const size_t dot = host.find('.');
  if (dot == std::string_view::npos) return {};
  std::string first(host.substr(0, dot));
  const bool aliyun = host.ends_with(".aliyuncs.com") && host.substr(dot).starts_with(".oss-");
  return aliyun || storage.Find(first) != nullptr ? first : std::string();
}

void DecodeQuery(std::string_view query, Exchange& exchange) {
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    const bool has_value = equals != std::string_view::npos;
    const auto decode = [](std::string_view text) {  // '+' in a query is a blank
      std::string plain(text);
      std::replace(plain.begin(), plain.end(), '+', ' ');
      return oss::PercentDecode(plain);
    };
    exchange.query.emplace_back(decode(pair.substr(0, equals)),
                                has_value ? decode(pair.substr(equals + 1)) : "");
    exchange.had_equals.push_back(has_value);
  }
}

Operation ClassifyObject(const Exchange& e) {
  const std::string& method = e.http.method;
  const bool copies = e.OwnHeader("copy-source") != nullptr;
  if (method == "HEAD") return Operation::kHead;
  if (method == "GET") {
    if (e.HasQuery("uploadId")) return Operation::kListParts;
    return e.HasQuery("symlink")                        ? Operation::kGetSymlink
           : e.HasQuery("acl") || e.HasQuery("tagging") ? Operation::kOther
                                                        : Operation::kGet;
  }
  if (method == "PUT") {
    if (e.HasQuery("partNumber")) return copies ? Operation::kCopyPart : Operation::kPart;
    if (e.HasQuery("symlink")) return Operation::kSymlink;
    if (e.HasQuery("acl") || e.HasQuery("tagging")) return Operation::kOther;
    return copies ? Operation::kCopy : Operation::kPut;
  }
  if (method == "POST") {
    if (e.HasQuery("uploads")) return Operation::kInitiate;
    if (e.HasQuery("uploadId")) return Operation::kComplete;
    return e.HasQuery("append") ? Operation::kAppend : Operation::kOther;
  }
  if (method == "DELETE") return e.HasQuery("uploadId") ? Operation::kAbort : Operation::kDelete;
  return Operation::kOther;
}

}  // namespace

const char* OperationName(Operation operation) {
  static constexpr std::array<const char*, kOperations> kNames = {
      "get",         "head",         "put",     "list",        "copy",     "delete",
      "delete_many", "initiate",     "part",    "copy_part",   "complete", "abort",
      "list_parts",  "list_uploads", "symlink", "get_symlink", "append",   "other"};
  return kNames[static_cast<size_t>(operation)];
}

const std::string* Exchange::Query(std::string_view name) const {
  for (const auto& [key_name, value] : query) {
    if (key_name == name) return &value;
  }
  return nullptr;
}

std::string Exchange::QueryOr(std::string_view name, std::string_view fallback) const {
  const std::string* value = Query(name);
  return value != nullptr ? *value : std::string(fallback);
}

const std::string* Exchange::OwnHeader(std::string_view name) const {
  return http.Header(StrCat(dialect.prefix(), name));
}

std::string Exchange::OwnHeaderOr(std::string_view name, std::string_view fallback) const {
  return http.HeaderOr(StrCat(dialect.prefix(), name), fallback);
}

void Address(const Addressing& addressing, const Storage& storage, Exchange& exchange) {
  DecodeQuery(exchange.http.query, exchange);
  exchange.path = exchange.http.path;
  const std::string host_header = exchange.http.HeaderOr("Host", "");
  exchange.host = std::string(StripPort(host_header));
  exchange.bucket_name = BucketOfHost(addressing, storage, exchange.host);
  std::string_view path = exchange.http.path;
  path.remove_prefix(1);
  if (exchange.bucket_name.empty()) {
    size_t slash = path.find('/');
    size_t slash_bytes = 1;
    if (const size_t escaped = path.find("%2F"); escaped < slash) {
      slash = escaped;
      slash_bytes = 3;
    }
    exchange.bucket_name = oss::PercentDecode(path.substr(0, slash));
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + slash_bytes);
  }
  exchange.key = oss::PercentDecode(path);
  if (!exchange.bucket_name.empty()) exchange.bucket = storage.Find(exchange.bucket_name);
}

Operation Classify(const Exchange& e) {
  if (!e.key.empty()) return ClassifyObject(e);
  if (e.bucket_name.empty()) return Operation::kOther;
  if (e.http.method == "POST" && e.HasQuery("delete")) return Operation::kDeleteMany;
  if (e.http.method != "GET") return Operation::kOther;
  if (e.HasQuery("uploads")) return Operation::kListUploads;
  for (const char* name :
       {"bucketInfo", "location", "acl", "stat", "versioning", "policy", "encryption", "lifecycle", "logging",
        "referer", "website", "cors", "tagging", "versions", "object-lock"}) {
    if (e.HasQuery(name)) return Operation::kOther;
  }
  return Operation::kList;
}

}  // namespace ossfs2::server
