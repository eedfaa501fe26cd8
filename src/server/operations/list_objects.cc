// ListObjects V1 and V2.
#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "base/values/str.h"
#include "oss/signing/encoding.h"
#include "server/exchange/xml.h"
#include "server/operations/handlers.h"
#include "server/operations/limits.h"
#include "server/operations/object_headers.h"

namespace ossfs2::server {
namespace {

Reply<int> MaxKeys(const Exchange& e) {
  const std::string* text = e.Query("max-keys");
  if (text == nullptr || text->empty()) return e.dialect.s3 ? 1000 : 100;
  char* end = nullptr;
  const long value = std::strtol(text->c_str(), &end, 10);
  if (*end == 0 && e.dialect.s3 && value >= 0) return static_cast<int>(std::min(value, 1000l));
  if (*end != 0 || value < 1 || value > 1000) {
    return InvalidArgument("Argument max-keys must be an integer between 1 and 1000.");
  }
  return static_cast<int>(value);
}

// Tokens: "k" or "p" (a common prefix, skipped whole) and the name, in base64 made safe for queries.
std::string MakeToken(const ListedEntry& last) {
  std::string token = oss::Base64Encode(StrCat(last.record == nullptr ? "p" : "k", last.key));
  for (char& c : token) c = c == '+' ? '_' : c == '/' ? '.' : c == '=' ? '-' : c;
  return token;
}

bool ReadToken(std::string token, ListQuery& query) {
  for (char& c : token) c = c == '_' ? '+' : c == '.' ? '/' : c == '-' ? '=' : c;
  const auto text = oss::Base64Decode(token);
  if (!text || text->empty() || (text->front() != 'k' && text->front() != 'p')) return false;
  query.after = text->substr(1);
  query.skip_group = text->front() == 'p';
  return true;
}

const char* ClassName(const Exchange& e, const std::string& storage_class) {
  return e.dialect.s3 ? S3ClassName(storage_class) : storage_class.c_str();
}

class Answer {
 public:
  Answer(const Exchange& e, bool v2) : e_(e), v2_(v2), encodes_(e.QueryOr("encoding-type", "") == "url") {}

  std::string Xml(const ListQuery& query, int max_keys, const ListedPage& page) {
    xml_.Open("ListBucketResult");
    xml_.Element("Name", e_.bucket_name);
    xml_.Element("Prefix", Encoded(query.prefix));
    if (v2_) {
      xml_.Element("StartAfter", Encoded(e_.QueryOr("start-after", "")));
      if (e_.HasQuery("continuation-token"))
        xml_.Element("ContinuationToken", e_.QueryOr("continuation-token", ""));
    } else {
      xml_.Element("Marker", Encoded(e_.QueryOr("marker", "")));
    }
    xml_.Number("MaxKeys", static_cast<uint64_t>(max_keys));
    xml_.Element("Delimiter", Encoded(query.delimiter));
    if (encodes_) xml_.Element("EncodingType", "url");
    xml_.Flag("IsTruncated", page.truncated);
    if (page.truncated && !page.entries.empty()) {
      if (v2_) {
        xml_.Element("NextContinuationToken", MakeToken(page.entries.back()));
      } else {
        xml_.Element("NextMarker", Encoded(page.entries.back().key));
      }
    }
    for (const ListedEntry& entry : page.entries) {
      if (entry.record != nullptr) Contents(entry.key, *entry.record);
    }
    for (const ListedEntry& entry : page.entries) {
      if (entry.record != nullptr) continue;
      xml_.Open("CommonPrefixes");
      xml_.Element("Prefix", Encoded(entry.key));
      xml_.Close();
    }
    if (v2_) xml_.Number("KeyCount", page.entries.size());
    return xml_.Take();
  }

 private:
  std::string Encoded(const std::string& text) const {
    return encodes_ ? oss::PercentEncodePath(text) : text;
  }

  void Contents(const std::string& key, const ObjectRecord& record) {
    xml_.Open("Contents");
    xml_.Element("Key", Encoded(key));
    xml_.Element("LastModified", oss::IsoDate(record.mtime_s));
    xml_.Element("ETag", QuotedEtag(e_, record.etag));
    if (!e_.dialect.s3) xml_.Element("Type", ObjectKindName(record.kind));
    xml_.Number("Size", record.size);
    xml_.Element("StorageClass", ClassName(e_, record.storage_class));
    const std::string restore = record.restore_ready_s == 0 ? "" : RestoreHeader(record, std::time(nullptr));
    if (!restore.empty()) xml_.Element("RestoreInfo", restore);
    if (!v2_ || e_.QueryOr("fetch-owner", "") == "true") {
      xml_.Open("Owner");
      xml_.Element("ID", "0000000000000000");
      xml_.Element("DisplayName", "ossfs2");
      xml_.Close();
    }
    xml_.Close();
  }

  const Exchange& e_;
  const bool v2_;
  const bool encodes_;
  XmlWriter xml_;
};

}  // namespace

Reply<HttpResponse> ListObjects(HandlerContext& context, Exchange& e) {
  const bool v2 = e.QueryOr("list-type", "") == "2";
  const auto max_keys = MaxKeys(e);
  if (!max_keys) return Failure(max_keys.error());
  ListQuery query;
  query.prefix = e.QueryOr("prefix", "");
  query.delimiter = e.QueryOr("delimiter", "");
  query.after = e.QueryOr(v2 ? "start-after" : "marker", "");
  query.skip_group = !v2;
  query.max = std::min(*max_keys, context.page_entries_max.load());
  for (const std::string* text : {&query.prefix, &query.delimiter, &query.after}) {
    if (text->size() > kKeyBytesMax)
      return InvalidArgument("A prefix, delimiter or marker is longer than 1023 bytes.");
  }
  const std::string* token = v2 ? e.Query("continuation-token") : nullptr;
  if (token != nullptr && !token->empty() && !ReadToken(*token, query)) {
    return InvalidArgument("The continuation token provided is incorrect.");
  }
  const ListedPage page = *max_keys == 0 ? ListedPage() : e.bucket->List(query);
  return XmlAnswer(Answer(e, v2).Xml(query, *max_keys, page));
}

}  // namespace ossfs2::server
