#include "cli/options/line_advice.h"

#include <algorithm>
#include <array>

#include "base/values/str.h"
#include "base/values/text.h"
#include "cli/options/option_table.h"

namespace ossfs2 {
namespace {

constexpr std::array<std::string_view, 3> kForeignDashes = {"\xE2\x80\x93", "\xE2\x80\x94", "\xE2\x88\x92"};

std::string_view WithoutDashes(std::string_view text) {
  while (!text.empty()) {
    if (text[0] == '-') {
      text.remove_prefix(1);
    } else if (HasForeignDash(text)) {
      text.remove_prefix(kForeignDashes[0].size());
    } else {
      break;
    }
  }
  return text;
}

}  // namespace

bool HasForeignDash(std::string_view text) {
  for (const std::string_view dash : kForeignDashes)
    if (text.starts_with(dash)) return true;
  return false;
}

std::string_view MeantName(std::string_view text) {
  text = WithoutDashes(text);
  return TrimSpace(text.substr(0, text.find_first_of("=: \t")));
}

std::optional<std::string> WhyNoOption(std::string_view line) {
  const std::string_view name = MeantName(line);
  if (HasForeignDash(line))
    return StrCat("the dashes are not two \"-\", perhaps from a text with typography: write --", name, "=VALUE");
  if (line.find('=') != std::string_view::npos || FindOption(name) != nullptr)
    return StrCat("options need two dashes: write --", name, "=VALUE");
  if (line.find_first_of("{}\"',:;") != std::string_view::npos)
    return std::string("this line is not understood; write one --name=value a line");
  return std::nullopt;
}

std::optional<std::string> ValueNotice(std::string_view name, std::string_view value) {
  value = TrimSpace(value, " \t\r\n");
  const bool quoted =
      value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front();
  if (quoted) return StrCat("the quotes are taken as part of the value of ", name, "; write it without them");
  if (value.find(" #") != std::string_view::npos)
    return StrCat("what follows # is taken as part of the value of ", name, "; a comment needs a line of its own");
  return std::nullopt;
}

std::string ExtraWordAdvice(std::string_view mount_point, std::string_view extra) {
  if (HasForeignDash(extra)) return StrCat("; write --", MeantName(extra), "=VALUE with two \"-\"");
  if (ParseBool(extra)) return StrCat("; an option that is on or off is written --name=", extra);
  if (extra.starts_with('/') && mount_point.find('/') == std::string_view::npos)
    return StrCat("; a bucket is named by --oss_bucket=", mount_point);
  return "";
}

std::string BucketAdvice(std::string_view given) {
  if (given.starts_with("oss://")) given.remove_prefix(6);
  const size_t end = std::min(given.find_first_of(":/"), given.size());
  const std::string_view name = given.substr(0, end);
  const std::string_view prefix = TrimSpace(given.substr(end), ":/");
  if (name.empty() || name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string_view::npos)
    return "; it has 3 to 63 of a-z, 0-9 and '-', and a prefix goes to oss_bucket_prefix";
  return StrCat("; write oss_bucket=", name, prefix.empty() ? "" : StrCat(" and oss_bucket_prefix=", prefix));
}

}  // namespace ossfs2
