#include "http/message/response_headers.h"

#include "base/values/text.h"

namespace ossfs2::http {
namespace {
constexpr size_t kUsualHeaders = 24;
}

ResponseHeaders::ResponseHeaders(std::initializer_list<std::pair<std::string_view, std::string_view>> headers) {
  for (const auto& [name, value] : headers) Add(name, value);
}

void ResponseHeaders::Reserve(size_t text_bytes) {
  text_.reserve(text_bytes);
  places_.reserve(kUsualHeaders);
}

void ResponseHeaders::Add(std::string_view name, std::string_view value) {
  const auto end = [this] { return static_cast<uint32_t>(text_.size()); };
  Place place{end(), 0, 0};
  text_.append(name);
  place.value_at = end();
  text_.append(value);
  place.end = end();
  places_.push_back(place);
}

ResponseHeaders::Entry ResponseHeaders::operator[](size_t index) const {
  const Place& place = places_[index];
  const std::string_view text = text_;
  return {text.substr(place.name_at, place.value_at - place.name_at),
          text.substr(place.value_at, place.end - place.value_at)};
}

std::optional<std::string_view> ResponseHeaders::Find(std::string_view name) const {
  for (size_t i = 0; i < size(); ++i) {
    // Most names differ in length already: then nothing of the text is touched.
    if (places_[i].value_at - places_[i].name_at != name.size()) continue;
    const Entry entry = (*this)[i];
    if (EqualsIgnoringCase(entry.name, name)) return entry.value;
  }
  return std::nullopt;
}

}  // namespace ossfs2::http
