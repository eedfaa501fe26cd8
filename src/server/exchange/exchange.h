// Exchange: one request after addressing: dialect, bucket, key, decoded query, and what it is asked to do.
//
// Made by OssService for each request, and filled in step by step: Address, DetectDialect (auth), Classify, the faults
// that were picked, Authenticate. The operations read it.
// Threads: the one of its connection. Ownership: refers to the request and its body, which outlive it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/storage/bucket.h"
#include "server/transport/http_message.h"
#include "server/transport/request_reader.h"

namespace ossfs2::server {

class Storage;

inline constexpr const char* kStorageClasses[] = {"Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive"};

// The two faces of the service: names of headers and small differences in rules.
struct Dialect {
  bool s3 = false;
  const char* prefix() const { return s3 ? "x-amz-" : "x-oss-"; }
};

// What a request does; Name gives the words of /-/stats, --fault op= and the log.
enum class Operation : uint8_t {
  kGet,
  kHead,
  kPut,
  kList,
  kCopy,
  kDelete,
  kDeleteMany,
  kInitiate,
  kPart,
  kCopyPart,
  kComplete,
  kAbort,
  kListParts,
  kListUploads,
  kSymlink,
  kGetSymlink,
  kAppend,
  kOther,
};
inline constexpr size_t kOperations = static_cast<size_t>(Operation::kOther) + 1;
const char* OperationName(Operation operation);

struct Exchange {
  const HttpRequest& http;
  BodyReader& raw_body;
  BodySource* body = nullptr;          // raw_body, or the chunk-signed stream inside it
  std::optional<uint64_t> body_bytes;  // of `body`, when known before
  Dialect dialect;
  Operation operation = Operation::kOther;
  std::string bucket_name;
  std::string key;               // raw
  std::string path;              // as sent
  NameValues query;              // decoded
  std::vector<bool> had_equals;  // of each query parameter
  std::shared_ptr<Bucket> bucket;  // null: none of that name
  std::string request_id;
  std::string host;             // without the port
  int64_t clock_shift_s = 0;    // of the server's clock, by a fault
  bool ignore_range = false;    // by a fault
  bool corrupt_upload = false;  // by a fault
  bool partial_delete = false;  // by a fault
  bool versioned = false;       // the bucket
  std::string default_class = "Standard";  // of the bucket
  std::unique_ptr<BodySource> owned_body;  // what `body` points to when it is not raw_body

  Exchange(const HttpRequest& request, BodyReader& reader) : http(request), raw_body(reader), body(&reader) {}

  const std::string* Query(std::string_view name) const;  // null when absent
  bool HasQuery(std::string_view name) const { return Query(name) != nullptr; }
  std::string QueryOr(std::string_view name, std::string_view fallback) const;
  // The header `prefix + name` of the dialect.
  const std::string* OwnHeader(std::string_view name) const;
  std::string OwnHeaderOr(std::string_view name, std::string_view fallback) const;
};

struct Addressing {
  std::vector<std::string> endpoints;                       // hosts that are the service itself
  std::vector<std::pair<std::string, std::string>> cnames;  // host -> bucket
};
// Splits host and path into bucket and key, decodes the query, and finds the bucket.
void Address(const Addressing& addressing, const Storage& storage, Exchange& exchange);
// By method, query and headers; needs the address and the dialect.
Operation Classify(const Exchange& exchange);

}  // namespace ossfs2::server
