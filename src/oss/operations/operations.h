// The operations of OssStore as functions over the context; each file here that this header names has one noun.
//
// Blocking ones must not run on a network thread. What they promise is written in ossfs2/object_store.h.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "oss/exchange/exchange.h"
#include "oss/exchange/oss_context.h"
#include "ossfs2/object_store.h"

namespace ossfs2::oss {

class OrphanUploads;

// put.cc
uint64_t SizeOf(const UploadBody& body);
std::shared_ptr<StoreCall> StartPut(OssContext& context, std::string key, UploadBody body,
                                    WriteOptions options, std::function<void(Result<WriteResult>)> done);
std::shared_ptr<StoreCall> StartPart(OssContext& context, std::string key, std::string upload_id, int number,
                                     UploadBody body, std::function<void(Result<PartResult>)> done);

// head.cc
// Of a link itself, also when it dangles. `answered_s`: the Date of the answer, by the service's clock.
Result<ObjectInfo> RunHead(OssContext& context, const std::string& key, int64_t* answered_s = nullptr);
Result<WriteResult> RunPutSymlink(OssContext& context, const std::string& key, const std::string& target,
                                  const WriteOptions& options);
Result<std::string> RunGetSymlink(OssContext& context, const std::string& key);
Result<std::string> RunGetTags(OssContext& context, const std::string& key);

// list.cc
Result<ListPage> RunList(OssContext& context, const ListRequest& request);
Result<std::vector<PartResult>> RunListParts(OssContext& context, const std::string& key,
                                             const std::string& upload_id);
Result<std::vector<UploadInfo>> RunListUploads(OssContext& context, const std::string& prefix);
// Of exactly this key, the first 1000; one request, tried a few times.
Result<std::vector<UploadInfo>> RunListUploadsOf(OssContext& context, const std::string& key);
Status RunProbe(OssContext& context, const std::string& prefix, std::chrono::milliseconds deadline);

// copy.cc
Result<WriteResult> RunCopy(OssContext& context, const CopyRequest& request);
Result<PartResult> RunCopyPart(OssContext& context, const std::string& key, const std::string& upload_id,
                               int number, const std::string& source_key, const std::string& source_etag,
                               uint64_t offset, uint64_t size);

// delete.cc
Status RunDelete(OssContext& context, const std::string& key);
Status RunDeleteMany(OssContext& context, const std::vector<std::string>& keys);

// multipart.cc
// `orphans` ends uploads that attempts before the answered one may have opened.
Result<std::string> RunInitiate(OssContext& context, OrphanUploads& orphans, const std::string& key,
                                const WriteOptions& options);
Result<WriteResult> RunComplete(OssContext& context, const std::string& key, const std::string& upload_id,
                                const std::vector<PartResult>& parts, std::optional<uint64_t> crc64,
                                bool forbid_overwrite);
Status RunAbort(OssContext& context, const std::string& key, const std::string& upload_id);

// append.cc
Result<WriteResult> RunAppend(OssContext& context, const std::string& key, uint64_t position,
                              const UploadBody& body, const WriteOptions& options);

}  // namespace ossfs2::oss
