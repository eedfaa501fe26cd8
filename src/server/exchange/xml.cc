#include "server/exchange/xml.h"

#include <cctype>
#include <charconv>
#include <cstdio>
#include <pugixml.hpp>

namespace ossfs2::server {

std::string XmlEscape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      default:
        if (static_cast<unsigned char>(c) < 32) {
          char reference[8];
          std::snprintf(reference, sizeof(reference), "&#x%X;", static_cast<unsigned>(c));
          out += reference;
        } else {
          out.push_back(c);
        }
    }
  }
  return out;
}

void XmlWriter::Open(std::string_view name) {
  text_.append("<").append(name).append(">");
  open_.emplace_back(name);
}

void XmlWriter::Close() {
  text_.append("</").append(open_.back()).append(">");
  open_.pop_back();
}

void XmlWriter::Element(std::string_view name, std::string_view text) {
  text_.append("<").append(name).append(">").append(XmlEscape(text)).append("</").append(name).append(">");
}

void XmlWriter::Number(std::string_view name, uint64_t value) { Element(name, std::to_string(value)); }

void XmlWriter::Flag(std::string_view name, bool value) { Element(name, value ? "true" : "false"); }

std::string XmlWriter::Take() {
  while (!open_.empty()) Close();
  return std::move(text_);
}

HttpResponse XmlAnswer(std::string xml) {
  HttpResponse response;
  response.Add("Content-Type", "application/xml");
  response.body = std::move(xml);
  return response;
}

std::string BareEtag(std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') etag = etag.substr(1, etag.size() - 2);
  std::string out(etag);
  for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

std::optional<std::vector<std::pair<int, std::string>>> ParseCompleteRequest(std::string_view xml) {
  pugi::xml_document document;
  if (!document.load_buffer(xml.data(), xml.size())) return std::nullopt;
  const pugi::xml_node root = document.child("CompleteMultipartUpload");
  if (!root) return std::nullopt;
  std::vector<std::pair<int, std::string>> parts;
  for (const pugi::xml_node part : root.children("Part")) {
    const int number = part.child("PartNumber").text().as_int(-1);
    if (number < 0 || !part.child("ETag")) return std::nullopt;
    parts.emplace_back(number, BareEtag(part.child("ETag").text().get()));
  }
  return parts;
}

std::optional<DeleteRequest> ParseDeleteRequest(std::string_view xml) {
  pugi::xml_document document;
  // Keys may be or hold blanks only.
  if (!document.load_buffer(xml.data(), xml.size(), pugi::parse_default | pugi::parse_ws_pcdata_single)) {
    return std::nullopt;
  }
  const pugi::xml_node root = document.child("Delete");
  if (!root) return std::nullopt;
  DeleteRequest request;
  request.quiet = root.child("Quiet").text().as_bool(false);
  for (const pugi::xml_node object : root.children("Object")) {
    if (!object.child("Key")) return std::nullopt;
    request.keys.emplace_back(object.child("Key").text().get());
  }
  if (request.keys.empty()) return std::nullopt;
  return request;
}

std::optional<int> ParseRestoreRequest(std::string_view xml) {
  if (xml.empty()) return 1;
  pugi::xml_document document;
  if (!document.load_buffer(xml.data(), xml.size()) || !document.child("RestoreRequest")) return std::nullopt;
  const int days = document.child("RestoreRequest").child("Days").text().as_int(1);
  return days < 1 || days > 365 ? std::nullopt : std::optional(days);
}

}  // namespace ossfs2::server
