#include "server/oss_server.h"

#include <cstdio>
#include <ctime>

#include "base/values/str.h"
#include "server/operations/object_headers.h"
#include "server/storage/synthetic.h"

namespace ossfs2::server {
namespace {

void AddSynthetic(const SyntheticSpec& spec, Storage& storage, Bucket& bucket) {
  auto record = std::make_shared<ObjectRecord>();
  const uint64_t phase = PatternPhase(spec.key);
  record->logged = false;
  record->size = spec.size;
  record->crc64 = PatternCrc64(phase, spec.size);
  record->etag = OpaqueEtag(record->crc64, spec.size);
  record->mtime_s = std::time(nullptr);
  record->content_type = "application/octet-stream";
  record->kind = ObjectKind::kMultipart;
  if (spec.size > 0)
    record->extents.push_back({storage.blobs().Pattern(), phase, spec.size, record->crc64, true});
  std::vector<std::pair<std::string, RecordPtr>> entries;
  for (uint64_t i = 0; i < spec.count; ++i) {
    char suffix[24] = "";
    if (spec.count > 1) std::snprintf(suffix, sizeof(suffix), "-%06llu", static_cast<unsigned long long>(i));
    entries.emplace_back(spec.key + suffix, record);
  }
  bucket.AddUnlogged(std::move(entries));
}

}  // namespace

Status OssServer::Configure(const Options& options) {
  for (const std::string& name : options.buckets) OSSFS2_RETURN_IF_ERROR(storage_->Create(name));
  for (const SyntheticSpec& spec : options.synthetic) {
    AddSynthetic(spec, *storage_, *storage_->Find(options.buckets.front()));
  }
  if (!options.access_key_id.empty()) {
    service_.keys().Set(options.access_key_id, {options.access_key_secret, options.security_token, false});
  }
  service_.auth().region = options.region;
  service_.auth().public_access = options.public_access;
  service_.auth().check_bodies = !options.discard;
  const std::string& address = options.http.address;
  service_.auth().keys_by_control = address.starts_with("127.") || address == "::1" || address == "localhost";
  service_.addressing() = options.addressing;
  service_.context().discard = options.discard;
  service_.context().copies_change_etag = options.copies_change_etag;
  service_.context().no_copy_crc = options.no_copy_crc;
  service_.context().versioned = options.versioned;
  service_.context().storage_class = options.storage_class;
  service_.context().restore_seconds = options.restore_seconds;
  service_.context().page_entries_max = options.page_entries_max;
  if (!options.region.empty()) service_.context().region = options.region;
  tuning_.latency_ns = options.latency_ns;
  tuning_.rate_bytes_per_s = options.rate_bytes_per_s;
  for (const FaultRule& rule : options.faults) OSSFS2_RETURN_IF_ERROR(service_.faults().Add(rule));
  if (!options.requests_log.empty()) OSSFS2_RETURN_IF_ERROR(service_.log().Open(options.requests_log));
  return {};
}

Result<std::unique_ptr<OssServer>> OssServer::Start(const Options& options) {
  auto storage = Storage::Open(options.root);
  if (!storage) return storage.error();
  std::unique_ptr<OssServer> server(new OssServer(std::move(*storage)));
  OSSFS2_RETURN_IF_ERROR(server->Configure(options));
  OSSFS2_RETURN_IF_ERROR(server->http_.Start(options.http));
  return server;
}

}  // namespace ossfs2::server
