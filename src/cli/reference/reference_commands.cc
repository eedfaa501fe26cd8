// What `ossfs2 COMMAND --help` says below the line of the command, and the man page in COMMANDS.
#include <array>
#include <string>
#include <utility>

#include "base/values/str.h"
#include "cli/options/option_table.h"
#include "cli/reference/reference_docs.h"

namespace ossfs2 {
namespace {

struct Text {
  std::string_view command;
  std::string_view lines;  // of at most 100 columns
};

constexpr std::array kTexts = {
    Text{"mount",
         "  -c FILE, --conf=FILE   options, one --name=value a line; the command line overrides them\n"
         "  -f                     stay in the foreground\n"
         "  --print-config         print every effective value and where it came from, and do not mount\n"
         "  -h, --help             the options; --original-help lists every one that is understood\n"},
    Text{"umount",
         "Unmounts DIR and waits until the daemon has saved what was written, at most flush_deadline.\n"
         "Status 1: it is in use, or mounted elsewhere too (by whom is said), or something could not\n"
         "be saved (what is said).\n"
         "  -l, --lazy      detach at once; the daemon ends when the last open file is closed and saved\n"},
    Text{"list",
         "Mount point, pid, time since the start, state and bucket of each mount of this host.\n"
         "States: mounted; dead (its daemon is gone: `ossfs2 umount` clears it); hanging (no answer in 2 s).\n"
         "  --json          an array, with the log file of each\n"},
    Text{"stats",
         "What a running mount does: rates since the last look, hits, memory, requests, errors, latencies.\n"
         "  -w, --watch [SEC]   again every SEC seconds (1), until Ctrl-C\n"
         "  --json              one object a look; docs/metrics.md names the fields\n"
         "`ossfs2 stats show -p PID [-l] [-i SEC]`, as the existing client, works too.\n"},
    Text{"explain",
         "What the mount knows of PATH: object, version, size, attributes and how long they are believed,\n"
         "open handles, bytes in memory and in flight, streams of readers, state of writers. Of a directory\n"
         "also how many keys cannot be shown as names.\n"},
    Text{"set",
         "Changes an option of the mount at DIR until it ends. SIGHUP reads the config file again and takes\n"
         "this back. Options:\n"},
    Text{"warmup",
         "Reads files and whole folders once, so that programs find them in the page cache (and in\n"
         "memory_data_cache_size). Shows progress, rate and time left; files that cannot be read are named at\n"
         "the end, with status 1.\n"
         "  -j, --jobs N    files at once (16)\n"
         "  --check         reads nothing: says what share of the files is in the page cache\n"
         "  --json          one object at the end, no progress\n"},
    Text{"check",
         "Tries step by step what a mount needs, from the config and the host to the rights in the bucket, with\n"
         "an object and an upload of its own that it removes again. Each failure comes with the next step.\n"
         "Status 1: something failed. Options of mount may follow.\n"
         "  --model DIR     also whether the page cache has room for the model in DIR\n"
         "  --json          one object instead of lines\n"},
    Text{"gc",
         "Ends multipart uploads, and puts back or removes objects (.ossfs2-...), that a crashed mount has\n"
         "left below the prefix, once they are older than the given age; what a running mount of this host\n"
         "uses is kept.\n"
         "  --older-than AGE    90s, 15m, 12h, 1d (1d); by the clock of the service\n"
         "  -n, --dry-run       only says what would be done\n"},
    Text{"docs",
         "Writes a reference to stdout: `configuration` (Markdown, every option), `man` (the man page),\n"
         "`completion` (for bash: source it).\n"},
};

// Those that a running mount takes, in lines.
std::string RuntimeOptions() {
  constexpr size_t kColumns = 100;
  std::string out;
  std::string line = " ";
  for (const OptionSpec& spec : OptionTable()) {
    if (!spec.runtime) continue;
    if (line.size() + 1 + spec.name.size() > kColumns) out += StrCat(std::exchange(line, " "), "\n");
    line += StrCat(" ", spec.name);
  }
  return StrCat(out, line, "\n");
}

}  // namespace

std::string CommandText(std::string_view command) {
  for (const Text& text : kTexts)
    if (text.command == command) return StrCat(text.lines, command == "set" ? RuntimeOptions() : "");
  return "";
}

std::string CommandHelp(std::string_view command) {
  const std::string_view name = command == "unmount" ? "umount" : command;
  const std::string usage = UsageOf(name);
  return usage.empty() ? "" : StrCat(usage, "\n", CommandText(name));
}

std::string CommandsManSection() {
  std::string out = ".SH COMMANDS\n";
  for (const Text& text : kTexts)
    out += StrCat(".SS ", text.command, "\n.nf\n", RoffText(CommandText(text.command)), ".fi\n");
  return out;
}

}  // namespace ossfs2
