#include "cli/options/option_parser.h"

#include <fnmatch.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "base/machine/environment.h"
#include "base/values/str.h"
#include "base/values/text.h"
#include "cli/options/directories.h"
#include "cli/options/line_advice.h"

namespace ossfs2 {
namespace {

constexpr uint64_t kFileBytesMax = 1u << 20;
constexpr int kNestingMax = 8;

Error Unreadable(const std::string& path, int error) {
  const char* next = error == EACCES ? "; it may hold a key: do this as the user whose file it is"
                                     : "; check the path";
  return MakeError(error, ErrorKind::kInvalid,
                   StrCat("config file ", path, ": ", std::string_view(strerror(error)), next));
}

Error At(std::string_view place, Error error) {
  error.text = StrCat(place, ": ", error.text);
  return error;
}

Error Invalid(std::string text) { return MakeError(EINVAL, ErrorKind::kInvalid, std::move(text)); }

struct Token {
  std::string name;
  std::optional<std::string> value;
};

// Splits "--name=value"; nullopt when it has no dashes or nothing after them.
std::optional<Token> SplitToken(std::string_view text) {
  if (text.size() < 2 || text[0] != '-') return std::nullopt;
  text.remove_prefix(text[1] == '-' ? 2 : 1);
  if (text.empty()) return std::nullopt;
  const size_t equals = text.find('=');
  Token token{std::string(text.substr(0, equals)), std::nullopt};
  if (equals != std::string_view::npos) token.value = std::string(text.substr(equals + 1));
  return token;
}

std::vector<std::string> SplitNames(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view name = Trim(text.substr(0, comma));
    if (!name.empty()) names.emplace_back(name);
    text = comma == std::string_view::npos ? "" : text.substr(comma + 1);
  }
  return names;
}

// One reading of a command line or file, with the built-ins of gflags.
class Reader {
 public:
  Reader(OptionSet& options, OptionLayer layer, int depth)
      : options_(options), layer_(layer), depth_(depth) {}

  Status ReadFile(const std::string& path);
  // Uses up to one following argument from `next` (nullptr: there are none). Errors begin with the place.
  Status Apply(Token token, const std::string& origin, const std::string* next, bool& used_next);

  static bool TakesValue(std::string_view name) {
    for (const char* special : {"flagfile", "fromenv", "tryfromenv", "undefok"})
      if (name == special) return true;
    const OptionSpec* spec = FindOption(name);
    return spec != nullptr && spec->type != OptionType::kBool;
  }

 private:
  // Which programs the lines of a file are for, as gflags has it: a line without dashes holds patterns of names, and
  // so may the lines below it.
  struct Section {
    bool active = true;
    bool in_patterns = false;
    bool told = false;
  };
  Status ReadLine(std::string_view line, const std::string& place, Section& section);
  Status ReadPatterns(std::string_view line, const std::string& place, Section& section);
  Status FromEnvironment(std::string_view names, bool required, const std::string& place);

  OptionSet& options_;
  const OptionLayer layer_;
  const int depth_;
};

Status Reader::Apply(Token token, const std::string& origin, const std::string* next, bool& used_next) {
  used_next = false;
  const OptionSpec* spec = FindOption(token.name);
  const bool takes_value = TakesValue(token.name);
  if (spec == nullptr && !takes_value && !token.value && token.name.rfind("no", 0) == 0) {
    const OptionSpec* negated = FindOption(std::string_view(token.name).substr(2));
    if (negated != nullptr && negated->type == OptionType::kBool) {
      token = Token{std::string(negated->name), "false"};
      spec = negated;
    }
  }
  if (takes_value && !token.value) {
    if (next == nullptr)
      return At(origin, Invalid(StrCat("--", token.name, " needs a value: --", token.name, "=VALUE")));
    token.value = *next;
    used_next = true;
  }
  if (token.name == "flagfile") {
    for (const std::string& file : SplitNames(*token.value))
      OSSFS2_RETURN_IF_ERROR(Reader(options_, layer_, depth_ + 1).ReadFile(file));
    return {};
  }
  if (token.name == "fromenv" || token.name == "tryfromenv")
    return FromEnvironment(*token.value, token.name == "fromenv", origin);
  if (token.name == "undefok") {
    for (const std::string& name : SplitNames(*token.value)) options_.Ignore(name);
    return {};
  }
  Status status = options_.Set(token.name, token.value.value_or("true"), origin, layer_);
  return status ? status : Status(At(origin, status.error()));
}

Status Reader::FromEnvironment(std::string_view names, bool required, const std::string& place) {
  for (const std::string& name : SplitNames(names)) {
    const std::string variable = StrCat("FLAGS_", name);
    const std::optional<std::string> value = EnvironmentVariable(variable);
    if (!value) {
      if (required)
        return At(place, Invalid(StrCat("--fromenv=", name, ": the environment has no ", variable)));
      continue;
    }
    const std::string origin = StrCat("environment ", variable);
    if (Status status = options_.Set(name, *value, origin, layer_); !status) return At(origin, status.error());
  }
  return {};
}

// The program's name, or its path at the existing client.
bool NamesThisProgram(const std::string& pattern) {
  return fnmatch(pattern.c_str(), "ossfs2", FNM_PATHNAME) == 0 ||
         fnmatch(pattern.c_str(), "/usr/local/bin/ossfs2", FNM_PATHNAME) == 0;
}

// A line without dashes: patterns of program names, or an option that was written in another way.
Status Reader::ReadPatterns(std::string_view line, const std::string& place, Section& section) {
  if (const auto why = WhyNoOption(line)) return At(place, Invalid(*why));
  if (!section.in_patterns) section.active = false;
  section.in_patterns = true;
  for (const std::string& pattern : Split(line, ' '))
    section.active = section.active || NamesThisProgram(std::string(Trim(pattern)));
  return {};
}

Status Reader::ReadLine(std::string_view line, const std::string& place, Section& section) {
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  const size_t first = line.find_first_not_of(" \t");
  if (first == std::string_view::npos || line[first] == '#') return {};
  line.remove_prefix(first);
  if (line[0] != '-') return ReadPatterns(Trim(line), place, section);
  section.in_patterns = false;
  if (!section.active) {
    if (!std::exchange(section.told, true))
      options_.AddNotice(StrCat(place, ": skipped, like what follows: the program names above it do not name ossfs2"));
    return {};
  }
  auto token = SplitToken(line);
  if (!token) return At(place, Invalid(StrCat("\"", line, "\" is not an option; write --name=value")));
  if (token->name.find_first_of(" \t:") != std::string::npos)
    return At(place, Invalid(StrCat("write --", MeantName(token->name), "=VALUE, without blanks")));
  if (const auto notice = token->value ? ValueNotice(token->name, *token->value) : std::nullopt)
    options_.AddNotice(StrCat(place, ": ", *notice));
  bool used_next = false;
  return Apply(std::move(*token), place, nullptr, used_next);
}

Status Reader::ReadFile(const std::string& path) {
  const std::string absolute = FromStartDirectory(path);  // the daemon's directory is another when it reads again
  if (depth_ > kNestingMax)
    return Invalid(StrCat(path, ": config files are nested more than ", kNestingMax, " deep"));
  struct stat info {};
  if (stat(absolute.c_str(), &info) != 0) return Unreadable(path, errno);
  if (!S_ISREG(info.st_mode) && !S_ISFIFO(info.st_mode) && !S_ISCHR(info.st_mode))
    return Invalid(StrCat("config file ", path, " is not a file"));
  errno = 0;
  std::ifstream file(absolute);
  if (!file) return Unreadable(path, errno != 0 ? errno : EIO);
  std::string line;
  Section section;
  bool holds_secret = false;
  uint64_t bytes = 0;
  for (int number = 1; std::getline(file, line); ++number) {
    bytes += line.size() + 1;
    if (bytes > kFileBytesMax) return Invalid(StrCat("config file ", path, " is larger than 1 MiB"));
    if (number == 1 && line.rfind("\xEF\xBB\xBF", 0) == 0) line.erase(0, 3);
    const std::string place = StrCat(path, ":", number);
    OSSFS2_RETURN_IF_ERROR(ReadLine(line, place, section));
    if (const auto token = SplitToken(Trim(line)); token && section.active) {
      const OptionSpec* spec = FindOption(token->name);
      holds_secret =
          holds_secret || (spec != nullptr && spec->secret && token->value && !token->value->empty());
    }
  }
  if (file.bad()) return ErrnoError(EIO, StrCat("config file ", path));
  if (holds_secret && S_ISREG(info.st_mode) && (info.st_mode & 077) != 0)
    options_.AddNotice(StrCat(path, " holds a secret and other users may read it; run: chmod 600 ", path));
  return {};
}

Status SplitSpecialArgument(const std::string& text, const std::string* next, CommandLine& line,
                            OptionSet& options, bool& known, bool& used_next) {
  known = true;
  used_next = false;
  const auto value_after = [&](std::string_view name) -> std::optional<std::string> {
    if (text.rfind(StrCat(name, "="), 0) == 0) return text.substr(name.size() + 1);
    if (text != name) return std::nullopt;
    used_next = true;
    return next == nullptr ? std::string() : *next;
  };
  if (text == "-h" || text == "--help") {
    line.help = true;
  } else if (text == "--original-help" || text == "--helpfull") {
    line.original_help = true;
  } else if (text == "--print-config") {
    line.print_config = true;
  } else {
    for (const char* name : {"-c", "--conf", "-conf", "-o"}) {
      const auto value = value_after(name);
      if (!value) continue;
      if (value->empty()) return At("command line", Invalid(StrCat(name, " needs a value")));
      if (std::string_view(name) == "-o") return ApplyMountOptions(*value, options, line.config_file);
      line.config_file = *value;
      return {};
    }
    // "-c/etc/ossfs2.conf", as the existing client takes it. No name of an option has a slash.
    known = text.starts_with("-c") && text.find('/') < text.find('=');
    if (known) line.config_file = text.substr(2);
  }
  return {};
}

}  // namespace

Status ReadConfigFile(const std::string& path, OptionSet& options, OptionLayer layer) {
  return Reader(options, layer, 0).ReadFile(path);
}

Result<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments, OptionSet& options) {
  CommandLine line;
  Reader reader(options, OptionLayer::kCommandLine, 0);
  for (const std::string& argument : arguments) {  // --undefok counts wherever it stands
    if (const auto token = SplitToken(argument); token && token->name == "undefok" && token->value)
      for (const std::string& name : SplitNames(*token->value)) options.Ignore(name);
  }
  bool only_positional = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const std::string* next = i + 1 < arguments.size() ? &arguments[i + 1] : nullptr;
    if (!only_positional && argument == "--") {
      only_positional = true;
      continue;
    }
    if (only_positional || argument.empty() || argument[0] != '-' || argument == "-") {
      line.positional.push_back(argument);
      continue;
    }
    bool known = false;
    bool used_next = false;
    Status status = SplitSpecialArgument(argument, next, line, options, known, used_next);
    if (status && !known) {
      auto token = SplitToken(argument);
      status = token ? reader.Apply(std::move(*token), "command line", next, used_next)
                     : Status(At("command line", Invalid(StrCat("\"", argument, "\" is not an option"))));
    }
    if (!status) return status.error();
    if (used_next) ++i;
  }
  if (!line.config_file.empty()) OSSFS2_RETURN_IF_ERROR(ReadConfigFile(line.config_file, options));
  return line;
}

}  // namespace ossfs2
