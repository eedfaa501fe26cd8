// XML of the OSS protocol: answers into values and request bodies. Pure functions; thread-safe.
//
// A document that is cut off, malformed, of another kind or short of what it announces is a retryable
// kCorrupt error, never a part of a result.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "oss/protocol/error_table.h"
#include "ossfs2/object_store.h"

namespace ossfs2::oss {

// Fills code, message, request id, EC and endpoint; false when it is no <Error> document.
bool ParseErrorXml(std::string_view xml, ServiceError& out);

Result<ListPage> ParseListXml(std::string_view xml);

struct PartsPage {
  std::vector<PartResult> parts;
  int next_marker = 0;
  bool truncated = false;
};
Result<PartsPage> ParsePartsXml(std::string_view xml);

struct UploadsPage {
  std::vector<UploadInfo> uploads;
  std::string next_key;
  std::string next_upload_id;
  bool truncated = false;
};
Result<UploadsPage> ParseUploadsXml(std::string_view xml);

Result<std::string> ParseInitiateXml(std::string_view xml);  // the upload id

struct CopyXml {
  std::string etag;
  int64_t mtime_s = 0;  // 0 when absent
};
Result<CopyXml> ParseCopyXml(std::string_view xml);                      // CopyObjectResult or CopyPartResult
Result<std::string> ParseCompleteXml(std::string_view xml);              // the ETag
Result<std::string> ParseTagsXml(std::string_view xml);                  // "k1=v1&k2=v2", URL-encoded
Result<std::vector<std::string>> ParseDeletedXml(std::string_view xml);  // keys that are gone

std::string MakeCompleteXml(const std::vector<PartResult>& parts);
std::string MakeDeleteXml(const std::vector<std::string>& keys);
// Whether XML 1.0 can carry the key.
bool IsXmlKey(std::string_view key);

// ETag without quotes.
std::string StripQuotes(std::string_view etag);

}  // namespace ossfs2::oss
