#include "oss/protocol/oss_xml.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <pugixml.hpp>

#include "base/values/str.h"
#include "oss/signing/encoding.h"

namespace ossfs2::oss {
namespace {

Error Malformed(std::string_view what) {
  Error error = MakeError(EIO, ErrorKind::kCorrupt,
                          StrCat("the answer is not a complete ", what, " document"));
  error.retryable = true;
  return error;
}

// The document's root when it is a whole document of that kind.
std::optional<pugi::xml_node> Root(pugi::xml_document& document, std::string_view xml, const char* name) {
  const auto result = document.load_buffer(
      xml.data(), xml.size(), pugi::parse_default | pugi::parse_ws_pcdata_single, pugi::encoding_utf8);
  if (!result) return std::nullopt;
  const pugi::xml_node root = document.child(name);
  if (!root) return std::nullopt;
  return root;
}

template <class Number>
std::optional<Number> ParseNumber(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

ObjectType TypeOf(std::string_view text) {
  if (text == "Multipart") return ObjectType::kMultipart;
  if (text == "Appendable") return ObjectType::kAppendable;
  if (text == "Symlink") return ObjectType::kSymlink;
  return ObjectType::kNormal;
}

// Text of a child, decoded when the document says that names are URL-encoded.
class Names {
 public:
  explicit Names(const pugi::xml_node& root)
      : is_encoded_(std::string_view(root.child("EncodingType").text().get()) == "url") {}
  std::string Read(const pugi::xml_node& node, const char* child) const {
    const char* text = node.child(child).text().get();
    return is_encoded_ ? PercentDecode(text) : std::string(text);
  }

 private:
  const bool is_encoded_;
};

// nullopt when the flag is absent or neither true nor false.
std::optional<bool> Truncated(const pugi::xml_node& root) {
  const std::string_view text = root.child("IsTruncated").text().get();
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

bool ReadEntry(const pugi::xml_node& node, const Names& names, ListEntry& entry) {
  entry.key = names.Read(node, "Key");
  const auto size = ParseNumber<uint64_t>(node.child("Size").text().get());
  if (entry.key.empty() || !size) return false;
  entry.size = *size;
  entry.etag = StripQuotes(node.child("ETag").text().get());
  entry.mtime_s = ParseIsoDate(node.child("LastModified").text().get()).value_or(0);
  entry.type = TypeOf(node.child("Type").text().get());
  entry.storage_class = node.child("StorageClass").text().get();
  return true;
}

bool ByKey(const ListEntry& a, const ListEntry& b) { return a.key < b.key; }

}  // namespace

std::string StripQuotes(std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') etag = etag.substr(1, etag.size() - 2);
  return std::string(etag);
}

bool ParseErrorXml(std::string_view xml, ServiceError& out) {
  pugi::xml_document document;
  const auto root = Root(document, xml, "Error");
  if (!root) return false;
  out.code = root->child("Code").text().get();
  out.message = root->child("Message").text().get();
  out.ec = root->child("EC").text().get();
  out.endpoint = root->child("Endpoint").text().get();
  if (out.request_id.empty()) out.request_id = root->child("RequestId").text().get();
  return !out.code.empty();
}

Result<ListPage> ParseListXml(std::string_view xml) {
  pugi::xml_document document;
  const auto root = Root(document, xml, "ListBucketResult");
  const auto truncated = root ? Truncated(*root) : std::nullopt;
  if (!truncated) return Malformed("ListBucketResult");
  const Names names(*root);
  ListPage page;
  for (const pugi::xml_node& node : root->children("Contents")) {
    if (!ReadEntry(node, names, page.entries.emplace_back())) return Malformed("ListBucketResult");
  }
  for (const pugi::xml_node& node : root->children("CommonPrefixes")) {
    ListEntry& entry = page.entries.emplace_back();
    entry.is_prefix = true;
    entry.key = names.Read(node, "Prefix");
    if (entry.key.empty()) return Malformed("ListBucketResult");
  }
  // Counts what it announces, so that a document with a hole is noticed.
  const pugi::xml_node count = root->child("KeyCount");
  if (count && ParseNumber<size_t>(count.text().get()) != page.entries.size())
    return Malformed("ListBucketResult");
  if (*truncated) {
    page.continuation = names.Read(*root, "NextContinuationToken");
    if (page.continuation.empty()) return Malformed("ListBucketResult");
  }
  std::sort(page.entries.begin(), page.entries.end(), ByKey);
  return page;
}

Result<PartsPage> ParsePartsXml(std::string_view xml) {
  pugi::xml_document document;
  const auto root = Root(document, xml, "ListPartsResult");
  const auto truncated = root ? Truncated(*root) : std::nullopt;
  if (!truncated) return Malformed("ListPartsResult");
  PartsPage page;
  page.truncated = *truncated;
  for (const pugi::xml_node& node : root->children("Part")) {
    const auto number = ParseNumber<int>(node.child("PartNumber").text().get());
    const auto size = ParseNumber<uint64_t>(node.child("Size").text().get());
    if (!number || !size) return Malformed("ListPartsResult");
    page.parts.push_back({*number, StripQuotes(node.child("ETag").text().get()), *size, std::nullopt});
  }
  page.next_marker = ParseNumber<int>(root->child("NextPartNumberMarker").text().get()).value_or(0);
  if (page.truncated && page.next_marker == 0) return Malformed("ListPartsResult");
  return page;
}

Result<UploadsPage> ParseUploadsXml(std::string_view xml) {
  pugi::xml_document document;
  const auto root = Root(document, xml, "ListMultipartUploadsResult");
  const auto truncated = root ? Truncated(*root) : std::nullopt;
  if (!truncated) return Malformed("ListMultipartUploadsResult");
  const Names names(*root);
  UploadsPage page;
  page.truncated = *truncated;
  for (const pugi::xml_node& node : root->children("Upload")) {
    UploadInfo info{names.Read(node, "Key"), node.child("UploadId").text().get(),
                    ParseIsoDate(node.child("Initiated").text().get()).value_or(0)};
    if (info.key.empty() || info.upload_id.empty()) return Malformed("ListMultipartUploadsResult");
    page.uploads.push_back(std::move(info));
  }
  page.next_key = names.Read(*root, "NextKeyMarker");
  page.next_upload_id = root->child("NextUploadIdMarker").text().get();
  if (page.truncated && page.next_key.empty()) return Malformed("ListMultipartUploadsResult");
  return page;
}

Result<std::string> ParseInitiateXml(std::string_view xml) {
  pugi::xml_document document;
  const auto root = Root(document, xml, "InitiateMultipartUploadResult");
  std::string upload_id = root ? root->child("UploadId").text().get() : "";
  if (upload_id.empty()) return Malformed("InitiateMultipartUploadResult");
  return upload_id;
}

Result<CopyXml> ParseCopyXml(std::string_view xml) {
  pugi::xml_document document;
  auto root = Root(document, xml, "CopyObjectResult");
  if (!root) root = Root(document, xml, "CopyPartResult");
  CopyXml out;
  if (root) {
    out.etag = StripQuotes(root->child("ETag").text().get());
    out.mtime_s = ParseIsoDate(root->child("LastModified").text().get()).value_or(0);
  }
  if (out.etag.empty()) return Malformed("CopyObjectResult");
  return out;
}

Result<std::string> ParseTagsXml(std::string_view xml) {
  pugi::xml_document document;
  const auto root = Root(document, xml, "Tagging");
  const pugi::xml_node set = root ? root->child("TagSet") : pugi::xml_node();
  if (!set) return Malformed("Tagging");
  std::string tags;
  for (const pugi::xml_node& tag : set.children("Tag")) {
    const std::string_view key = tag.child("Key").text().get();
    if (key.empty()) return Malformed("Tagging");
    if (!tags.empty()) tags += '&';
    tags += StrCat(PercentEncode(key), "=", PercentEncode(tag.child("Value").text().get()));
  }
  return tags;
}

Result<std::string> ParseCompleteXml(std::string_view xml) {
  pugi::xml_document document;
  const auto root = Root(document, xml, "CompleteMultipartUploadResult");
  std::string etag = root ? StripQuotes(root->child("ETag").text().get()) : "";
  if (etag.empty()) return Malformed("CompleteMultipartUploadResult");
  return etag;
}

Result<std::vector<std::string>> ParseDeletedXml(std::string_view xml) {
  pugi::xml_document document;
  const auto root = Root(document, xml, "DeleteResult");
  if (!root) return Malformed("DeleteResult");
  const Names names(*root);
  std::vector<std::string> keys;
  for (const pugi::xml_node& node : root->children("Deleted")) keys.push_back(names.Read(node, "Key"));
  return keys;
}

std::string MakeCompleteXml(const std::vector<PartResult>& parts) {
  std::string xml = "<CompleteMultipartUpload>";
  for (const PartResult& part : parts) {
    xml += StrCat("<Part><PartNumber>", part.number, "</PartNumber><ETag>\"", part.etag, "\"</ETag></Part>");
  }
  return xml + "</CompleteMultipartUpload>";
}

bool IsXmlKey(std::string_view key) {
  return std::none_of(key.begin(), key.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 && c != '\t' && c != '\n' && c != '\r';
  });
}

std::string MakeDeleteXml(const std::vector<std::string>& keys) {
  std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Delete><Quiet>false</Quiet>";
  for (const std::string& key : keys) {
    xml += "<Object><Key>";
    for (const char c : key) {
      switch (c) {
        case '&':
          xml += "&amp;";
          break;
        case '<':
          xml += "&lt;";
          break;
        case '>':
          xml += "&gt;";
          break;
        case '"':
          xml += "&quot;";
          break;
        case '\'':
          xml += "&apos;";
          break;
        case '\t':
          xml += "&#x9;";
          break;
        case '\n':
          xml += "&#xA;";
          break;
        case '\r':
          xml += "&#xD;";
          break;
        default:
          xml += c;
      }
    }
    xml += "</Key></Object>";
  }
  return xml + "</Delete>";
}

}  // namespace ossfs2::oss
