// ResponseHeaders: the headers of an answer, in their order.
//
// One text holds all names and values: an answer of OSS has about 16 headers, and a string for each name and value
// would cost a small GET more than its parsing. Names are matched without case. A plain value; views into it are good
// until it is changed, moved or gone. Limits: 4 GiB of text (the client takes no head beyond kHeadBytesMax).
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ossfs2::http {

class ResponseHeaders {
 public:
  struct Entry {
    std::string_view name;
    std::string_view value;
  };

  ResponseHeaders() = default;
  ResponseHeaders(std::initializer_list<std::pair<std::string_view, std::string_view>> headers);

  // Room for a head of so many bytes with a usual number of headers.
  void Reserve(size_t text_bytes);
  void Add(std::string_view name, std::string_view value);

  size_t size() const { return places_.size(); }
  Entry operator[](size_t index) const;
  // The first header of that name.
  std::optional<std::string_view> Find(std::string_view name) const;

 private:
  struct Place {
    uint32_t name_at;
    uint32_t value_at;  // the end of the name
    uint32_t end;
  };

  std::string text_;
  std::vector<Place> places_;
};

}  // namespace ossfs2::http
