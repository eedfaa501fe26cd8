#include "cli/reference/reference_docs.h"

#include <algorithm>

#include "base/machine/environment.h"
#include "base/machine/name_service.h"
#include "base/values/str.h"
#include "cli/options/option_table.h"
#include "cli/options/secrets.h"

namespace ossfs2 {
namespace {

constexpr size_t kWidth = 100;

// Words of `text` in lines, each beginning with `indent` blanks.
std::string Wrapped(std::string_view text, size_t indent) {
  std::string out;
  size_t column = 0;
  while (!text.empty()) {
    const size_t blank = text.find(' ');
    const std::string_view word = text.substr(0, blank);
    text = blank == std::string_view::npos ? "" : text.substr(blank + 1);
    if (column != 0 && column + 1 + word.size() > kWidth) {
      out += '\n';
      column = 0;
    }
    if (column == 0) {
      out.append(indent, ' ');
      column = indent;
    } else {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out + "\n";
}

std::string TypeAndDefault(const OptionSpec& spec) {
  std::string text(TypeText(spec.type));
  if (!spec.unit.empty() && spec.type == OptionType::kInt) text += StrCat(" in ", spec.unit);
  const std::string range = RangeText(spec);
  if (!range.empty()) text += StrCat(", ", range);
  text += spec.default_value.empty() ? "" : StrCat(", default ", spec.default_value);
  return text;
}

std::string HelpEntry(const OptionSpec& spec) {
  std::string out = StrCat("  --", spec.name, spec.type == OptionType::kBool ? "" : "=VALUE", "   (",
                           TypeAndDefault(spec), ")\n");
  out += Wrapped(spec.effect, 6);
  if (spec.support == OptionSupport::kRefused) out += Wrapped(StrCat("Refused: ", spec.note, "."), 6);
  if (spec.support == OptionSupport::kNotice) out += Wrapped(StrCat("No effect: ", spec.note, "."), 6);
  return out;
}

}  // namespace

std::string VersionText() {
#ifdef __clang__
  constexpr std::string_view kCompiler = "";  // its __VERSION__ names it
#else
  constexpr std::string_view kCompiler = "gcc ";
#endif
  return StrCat("ossfs2 ", OSSFS2_VERSION, " (", kCompiler, __VERSION__, ", built ", __DATE__, "; ",
                LibraryText(), ")\n");
}

std::string CommandLines() {
  return "  ossfs2 mount DIR -c FILE [--option=value ...]   mount (ossfs2 mount --help lists the options)\n"
         "  ossfs2 umount [--lazy] DIR                      unmount, and wait until everything is saved\n"
         "  ossfs2 list [--json]                            mounts of this host\n"
         "  ossfs2 stats DIR [--watch [SEC]] [--json]       speed, hits, memory, errors, latency\n"
         "  ossfs2 explain PATH                             what is known and cached of one file\n"
         "  ossfs2 set DIR option=value                     change an option of a running mount\n"
         "  ossfs2 warmup PATH... [--jobs N] [--check]      read files into the page cache at full speed\n"
         "  ossfs2 check -c FILE [--json] [--model DIR]     find out what is wrong with a set-up\n"
         "  ossfs2 gc -c FILE [--older-than 1d] [--dry-run] abort uploads that were left behind\n"
         "  ossfs2 docs configuration|man|completion        generated references\n"
         "  ossfs2 --version\n";
}

std::string FirstMountLines() {
  return "  printf '%s\\n' --oss_endpoint=https://oss-cn-hangzhou-internal.aliyuncs.com --oss_bucket=BUCKET "
         "> oss.conf\n"
         "  export OSS_ACCESS_KEY_ID=... OSS_ACCESS_KEY_SECRET=...\n"
         "  mkdir -p /mnt/oss\n"
         "  ossfs2 mount /mnt/oss -c oss.conf\n";
}

std::string UsageText() {
  return StrCat("ossfs2 mounts an Alibaba Cloud OSS bucket as a file system.\n\n", CommandLines(),
                "\nA first mount:\n", FirstMountLines());
}

std::string UsageOf(std::string_view command) {
  std::string out;
  const std::string text = CommandLines();
  const std::string begin = StrCat("  ossfs2 ", command, " ");
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    const std::string_view line = std::string_view(text).substr(at, end + 1 - at);
    if (line.starts_with(begin)) out.append(line.substr(2));
    at = end + 1;
  }
  return out;
}

std::string HelpText(bool all) {
  std::string out = StrCat(
      "usage: ossfs2 mount DIR [-c FILE] [-f] [--option=value ...] [--print-config]\n\n", CommandText("mount"),
      "\nSizes: 1048576, 8m, 16GiB (all 1024-based). Booleans: --name, --noname, --name=false.\n");
  for (int group = 0; group < kOptionGroups; ++group) {
    std::string entries;
    for (const OptionSpec& spec : OptionTable())
      if (static_cast<int>(spec.group) == group && (all || ShownInHelp(spec))) entries += HelpEntry(spec);
    if (!entries.empty()) out += StrCat("\n", GroupTitle(static_cast<OptionGroup>(group)), ":\n", entries);
  }
  if (all)
    out +=
        "\nReading options from elsewhere:\n"
        "  --flagfile=FILE  --fromenv=NAMES  --tryfromenv=NAMES  --undefok=NAMES   (as gflags has them)\n";
  return out;
}

std::string PrintedConfig(const OptionSet& options) {
  std::string out = "# effective configuration; secrets are masked\n";
  const bool environment_key = EnvironmentVariable("OSS_ACCESS_KEY_ID").has_value();
  for (const OptionSpec& spec : OptionTable()) {
    const bool set = options.IsSet(spec.name);
    if (!set && (spec.support != OptionSupport::kWorks)) continue;
    std::string value = options.Text(spec.name);
    if (spec.secret) value = MaskSecret(value);
    std::string origin = options.Origin(spec.name);
    const bool key_pair = spec.name == "oss_access_key_id" || spec.name == "oss_access_key_secret";
    if (key_pair && !set && environment_key) origin = "not given; the environment is asked";
    if (spec.support == OptionSupport::kNotice) origin += "; no effect";
    out += StrCat("# ", origin, "\n--", spec.name, "=", value, "\n");
  }
  return out;
}

}  // namespace ossfs2
