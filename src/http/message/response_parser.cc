#include "http/message/response_parser.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <limits>

#include "base/values/str.h"
#include "base/values/text.h"

namespace ossfs2::http {
namespace {

Error Malformed(std::string_view why) {
  Error error = MakeError(EIO, ErrorKind::kUnavailable, StrCat("the answer is not proper HTTP (", why, ")"));
  error.retryable = true;
  return error;
}

// Whether a comma-separated header value holds the token.
bool HasToken(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    if (EqualsIgnoringCase(TrimSpace(list.substr(0, comma)), token)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

// Takes one line off the front, without its line end.
std::string_view NextLine(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

}  // namespace

size_t FindHeadEnd(std::string_view bytes, size_t searched) {
  // An end may begin in the last three bytes of what was looked at before.
  for (size_t at = searched > 3 ? searched - 3 : 0; (at = bytes.find('\n', at)) != std::string_view::npos; ++at) {
    if (bytes.substr(at + 1).starts_with("\n")) return at + 2;
    if (bytes.substr(at + 1).starts_with("\r\n")) return at + 3;
  }
  return std::string_view::npos;
}

Result<ParsedHead> ParseHead(std::string_view text) {
  ParsedHead out;
  out.head.headers.Reserve(text.size());
  const std::string_view status = NextLine(text);
  const bool good = status.size() >= 12 && status.starts_with("HTTP/1.") && IsDigit(status[7]) && status[8] == ' ' &&
                    IsDigit(status[9]) && IsDigit(status[10]) && IsDigit(status[11]) &&
                    (status.size() == 12 || status[12] == ' ');
  if (!good) return Malformed("no HTTP/1.x status line");
  out.minor_version = status[7] - '0';
  out.head.status = (status[9] - '0') * 100 + (status[10] - '0') * 10 + (status[11] - '0');
  if (out.head.status < 100) return Malformed("impossible status");
  while (!text.empty()) {
    const std::string_view line = NextLine(text);
    if (line.empty()) break;
    const size_t colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos) return Malformed("a header without name");
    const std::string_view name = line.substr(0, colon);
    if (name.find_first_of(" \t") != std::string_view::npos) return Malformed("a folded header or a space in a name");
    if (HasControl(line)) return Malformed("a control character in a header");
    out.head.headers.Add(name, TrimSpace(line.substr(colon + 1)));
  }
  return out;
}

Result<Framing> FramingOf(const ParsedHead& parsed, std::string_view method) {
  Framing out;
  bool chunked = false;
  bool has_length = false;
  bool close = parsed.minor_version == 0;
  for (size_t i = 0; i < parsed.head.headers.size(); ++i) {
    const ResponseHeaders::Entry header = parsed.head.headers[i];
    if (EqualsIgnoringCase(header.name, "Connection")) {
      if (HasToken(header.value, "close")) close = true;
      if (parsed.minor_version == 0 && HasToken(header.value, "keep-alive")) close = false;
    } else if (EqualsIgnoringCase(header.name, "Transfer-Encoding")) {
      if (!EqualsIgnoringCase(header.value, "chunked")) return Malformed("unknown transfer encoding");
      chunked = true;
    } else if (EqualsIgnoringCase(header.name, "Content-Length")) {
      uint64_t length = 0;
      const char* const end = header.value.data() + header.value.size();
      const auto [at, failure] = std::from_chars(header.value.data(), end, length);
      if (failure != std::errc() || at != end || (has_length && length != out.length))
        return Malformed("bad Content-Length");
      has_length = true;
      out.length = length;
    }
  }
  const int status = parsed.head.status;
  out.keep_alive = !close;
  if (method == "HEAD" || status == 204 || status == 304) return out;
  if (chunked) {
    out.kind = Framing::Kind::kChunked;
    if (has_length) out.keep_alive = false;  // two lengths: whoever counts otherwise must not desynchronise us
  } else if (has_length) {
    out.kind = Framing::Kind::kLength;
  } else {
    out.kind = Framing::Kind::kUntilClose;
    out.keep_alive = false;
  }
  return out;
}

BodyDecoder::BodyDecoder(const Framing& framing) : kind_(framing.kind), state_(State::kDone) {
  switch (framing.kind) {
    case Framing::Kind::kNone:
      return;
    case Framing::Kind::kLength:
      left_ = framing.length;
      if (left_ > 0) state_ = State::kPayload;
      return;
    case Framing::Kind::kChunked:
      state_ = State::kSize;
      return;
    case Framing::Kind::kUntilClose:
      left_ = std::numeric_limits<uint64_t>::max();
      state_ = State::kPayload;
      return;
  }
}

void BodyDecoder::Take(uint64_t bytes) {
  if (kind_ == Framing::Kind::kUntilClose) return;
  left_ -= bytes;
  if (left_ > 0) return;
  state_ = kind_ == Framing::Kind::kChunked ? State::kPayloadEnd : State::kDone;
}

const char* BodyDecoder::EndOfSizeLine() {
  if (digits_ == 0) return "a chunk without size";
  digits_ = 0;
  line_bytes_ = 0;
  state_ = left_ > 0 ? State::kPayload : State::kTrailer;
  return nullptr;
}

const char* BodyDecoder::Step(char byte) {
  switch (state_) {
    case State::kSize:
      if (const int value = HexValue(byte); value >= 0) {
        if (++digits_ > 15) return "a chunk size out of range";
        left_ = left_ * 16 + static_cast<uint64_t>(value);
        return nullptr;
      }
      if (byte == '\n') return EndOfSizeLine();
      if (byte != ';' && byte != ' ' && byte != '\t' && byte != '\r') return "a chunk size that is no number";
      state_ = State::kExtension;
      return nullptr;
    case State::kExtension:
      if (byte == '\n') return EndOfSizeLine();
      return ++framing_bytes_ > kHeadBytesMax ? "chunk extensions without end" : nullptr;
    case State::kPayloadEnd:
      if (byte == '\n') state_ = State::kSize;
      return byte == '\n' || byte == '\r' ? nullptr : "a chunk longer than its size";
    case State::kTrailer:
      if (byte == '\n') {
        if (line_bytes_ == 0) state_ = State::kDone;
        line_bytes_ = 0;
      } else if (byte != '\r') {
        ++line_bytes_;
      }
      return ++framing_bytes_ > kHeadBytesMax ? "trailers without end" : nullptr;
    case State::kPayload:
    case State::kDone:
      break;
  }
  return nullptr;
}

Result<size_t> BodyDecoder::FeedFraming(std::string_view bytes) {
  size_t eaten = 0;
  while (eaten < bytes.size() && state_ != State::kPayload && state_ != State::kDone) {
    if (const char* const why = Step(bytes[eaten++])) return Malformed(why);
  }
  return eaten;
}

}  // namespace ossfs2::http
