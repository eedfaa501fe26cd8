// PackedTag: an ETag in 24 bytes. Usual tags (32 hex digits, also with "-parts") need no heap memory,
// which matters with a million of them; any other text is kept as it is. A value; not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ossfs2 {

class PackedTag {
 public:
  PackedTag() = default;
  ~PackedTag() { Clear(); }
  PackedTag(const PackedTag&) = delete;
  PackedTag& operator=(const PackedTag&) = delete;

  void Set(std::string_view tag);
  std::string Text() const;
  bool empty() const { return form_ == Form::kEmpty; }
  bool Equals(std::string_view tag) const;

 private:
  enum class Form : uint8_t { kEmpty, kLower, kUpper, kText };
  void Clear();

  uint64_t words_[2] = {};  // 16 raw bytes, or the address of an own std::string in the first
  uint32_t parts_ = 0;      // of "-parts"; 0: none
  Form form_ = Form::kEmpty;
};

}  // namespace ossfs2
