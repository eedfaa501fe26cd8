#include "cli/options/option_set.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/values/size.h"
#include "base/values/str.h"
#include "base/values/text.h"

namespace ossfs2 {

std::string_view Trim(std::string_view text) {
  return TrimSpace(text, " \t\r\n\v\f");
}

Error OptionSet::UnknownName(std::string_view name) const {
  name = name.substr(0, name.find_first_of(" \t:"));  // what follows was meant as a value, and may be a secret
  const std::string_view nearest = NearestOption(name);
  std::string text = StrCat("unknown option \"", name, "\"");
  text += nearest.empty() ? std::string("; `ossfs2 mount --help` lists the options")
                          : StrCat("; did you mean \"", nearest, "\"?");
  return MakeError(EINVAL, ErrorKind::kInvalid, std::move(text));
}

Status OptionSet::Set(std::string_view name, std::string_view value, std::string_view origin,
                      OptionLayer layer) {
  const OptionSpec* spec = FindOption(name);
  if (spec == nullptr) {
    if (!ignore_all_ && ignored_.count(name) == 0) return UnknownName(name);
    AddNotice(StrCat("unknown option \"", name, "\" is ignored (", origin, ")"));
    return {};
  }
  OSSFS2_RETURN_IF_ERROR(CheckValue(*spec, Trim(value)));
  if (spec->support == OptionSupport::kRefused) {
    // Giving the default (false or nothing) asks for nothing that we lack.
    const bool off = spec->type == OptionType::kBool ? !*ParseBool(Trim(value)) : Trim(value).empty();
    if (!off)
      return MakeError(ENOTSUP, ErrorKind::kInvalid, StrCat(spec->name, " is not supported: ", spec->note));
    return {};
  }
  if (spec->support == OptionSupport::kNotice && Trim(value) != spec->default_value)
    AddNotice(StrCat(spec->name, " has no effect (", origin, "): ", spec->note));
  auto [it, fresh] = values_.try_emplace(std::string(spec->name));
  if (!fresh && it->second.layer > layer) return {};
  const auto choice = spec->type == OptionType::kChoice ? FindChoice(*spec, Trim(value)) : std::nullopt;
  it->second = Value{std::string(choice.value_or(value)), std::string(origin), layer};
  return {};
}

void OptionSet::TakeFrom(const OptionSet& other, std::string_view name) {
  const auto theirs = other.values_.find(name);
  if (theirs != other.values_.end()) {
    values_.insert_or_assign(std::string(name), theirs->second);
  } else if (const auto ours = values_.find(name); ours != values_.end()) {
    values_.erase(ours);
  }
}

bool OptionSet::IsSame(const OptionSet& other, const OptionSpec& spec) const {
  switch (spec.type) {
    case OptionType::kBool: return Bool(spec.name) == other.Bool(spec.name);
    case OptionType::kSize: return Size(spec.name) == other.Size(spec.name);
    default: return Text(spec.name) == other.Text(spec.name);
  }
}

std::string OptionSet::Text(std::string_view name) const {
  const auto it = values_.find(name);
  if (it == values_.end()) {
    const OptionSpec* spec = FindOption(name);
    return spec == nullptr ? "" : std::string(spec->default_value);
  }
  const auto skip = values_.find("skip_trim_options");
  const OptionSpec* spec = FindOption(name);
  const bool keep = spec->type == OptionType::kText && skip != values_.end() &&
                    ParseBool(Trim(skip->second.text)).value_or(false);
  return keep ? it->second.text : std::string(Trim(it->second.text));
}

bool OptionSet::Bool(std::string_view name) const { return ParseBool(Text(name)).value_or(false); }
int64_t OptionSet::Int(std::string_view name) const { return ParseInt(Text(name)).value_or(0); }
uint64_t OptionSet::Size(std::string_view name) const { return ParseSize(Text(name)).value_or(0); }
double OptionSet::Seconds(std::string_view name) const {
  return std::min(strtod(Text(name).c_str(), nullptr), kSecondsMax);
}
uint32_t OptionSet::Mode(std::string_view name) const {
  return static_cast<uint32_t>(strtoul(Text(name).c_str(), nullptr, 8));
}

std::string OptionSet::Origin(std::string_view name) const {
  const auto it = values_.find(name);
  return it == values_.end() ? "default" : it->second.origin;
}

void OptionSet::AddNotice(std::string text) {
  if (std::find(notices_.begin(), notices_.end(), text) == notices_.end())
    notices_.push_back(std::move(text));
}

void OptionSet::TellNotices() const {
  for (const std::string& notice : notices_) fprintf(stderr, "ossfs2: notice: %s\n", notice.c_str());
}

}  // namespace ossfs2
