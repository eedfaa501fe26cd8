// StrCat: joins texts and numbers into one string with one allocation.
#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

namespace ossfs2 {

// One argument of StrCat: a text or an integer. Lives only for the call.
class StrPiece {
 public:
  StrPiece(std::string_view text) : view_(text) {}    // NOLINT
  StrPiece(const std::string& text) : view_(text) {}  // NOLINT
  StrPiece(const char* text) : view_(text) {}         // NOLINT
  template <std::integral T>
  StrPiece(T value) {  // NOLINT
    const auto end = std::to_chars(digits_, digits_ + sizeof(digits_), static_cast<long long>(value));
    view_ = std::string_view(digits_, static_cast<size_t>(end.ptr - digits_));
  }
  StrPiece(unsigned long long value) { Unsigned(value); }  // NOLINT
  StrPiece(unsigned long value) { Unsigned(value); }       // NOLINT
  StrPiece(char c) : digits_{c}, view_(digits_, 1) {}      // NOLINT
  StrPiece(const StrPiece&) = delete;
  std::string_view view() const { return view_; }

 private:
  void Unsigned(unsigned long long value) {
    const auto end = std::to_chars(digits_, digits_ + sizeof(digits_), value);
    view_ = std::string_view(digits_, static_cast<size_t>(end.ptr - digits_));
  }
  char digits_[24];
  std::string_view view_;
};

template <class... Pieces>
std::string StrCat(const Pieces&... pieces) {
  if constexpr (sizeof...(pieces) == 0) {
    return {};
  } else {
    const StrPiece list[] = {StrPiece(pieces)...};
    size_t size = 0;
    for (const StrPiece& piece : list) size += piece.view().size();
    std::string out;
    out.reserve(size);
    for (const StrPiece& piece : list) out.append(piece.view());
    return out;
  }
}

}  // namespace ossfs2
