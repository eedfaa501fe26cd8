// XML: answers, and the three requests that have it in their body. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/transport/http_message.h"

namespace ossfs2::server {

// Text for between tags: & < > escaped, control characters as references.
std::string XmlEscape(std::string_view text);

// Builds a document; elements are closed in the order they were opened.
class XmlWriter {
 public:
  XmlWriter() : text_("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n") {}
  void Open(std::string_view name);
  void Close();
  void Element(std::string_view name, std::string_view text);  // escaped
  void Number(std::string_view name, uint64_t value);
  void Flag(std::string_view name, bool value);
  // Closes what is open and gives the document away.
  std::string Take();

 private:
  std::string text_;
  std::vector<std::string> open_;
};

// An answer with that body.
HttpResponse XmlAnswer(std::string xml);

// The parts of a CompleteMultipartUpload: numbers and ETags without quotes. Empty optional: not such XML.
std::optional<std::vector<std::pair<int, std::string>>> ParseCompleteRequest(std::string_view xml);

struct DeleteRequest {
  bool quiet = false;
  std::vector<std::string> keys;
};
std::optional<DeleteRequest> ParseDeleteRequest(std::string_view xml);

// <RestoreRequest><Days>: the days; 1 when the body is empty. Empty optional: not such XML.
std::optional<int> ParseRestoreRequest(std::string_view xml);

// Without quotes around it, upper case.
std::string BareEtag(std::string_view etag);

}  // namespace ossfs2::server
