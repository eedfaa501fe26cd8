// The longer texts of reference_docs.h: docs/configuration.md, man page, shell completion.
#include "base/values/str.h"
#include "cli/options/option_table.h"
#include "cli/reference/reference_docs.h"

namespace ossfs2 {
namespace {

// '|' would end a table cell.
std::string Cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string MarkdownRow(const OptionSpec& spec) {
  std::string type(TypeText(spec.type));
  if (!spec.unit.empty() && spec.type == OptionType::kInt) type += StrCat(", ", spec.unit);
  std::string effect = Cell(spec.effect);
  if (spec.support == OptionSupport::kRefused) effect += StrCat(" **Refused:** ", Cell(spec.note), ".");
  if (spec.support == OptionSupport::kNotice)
    effect += StrCat(" *Accepted with a notice:* ", Cell(spec.note), ".");
  const char* kind = spec.kind == OptionKind::kPublic         ? ""
                     : spec.kind == OptionKind::kExperimental ? " (experimental)"
                                                              : " (hidden)";
  return StrCat("| `", spec.name, "`", spec.alias.empty() ? "" : StrCat(", `", spec.alias, "`"), kind, " | ",
                type, " | ", spec.default_value.empty() ? "" : StrCat("`", spec.default_value, "`"), " | ",
                Cell(RangeText(spec)), " | ", spec.since, " | ", spec.runtime ? "set" : "", " | ", effect, " |\n");
}

}  // namespace

std::string RoffText(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '\'') {
      out += "\\(aq";  // stays straight, so that commands can be copied
    } else {
      if (c == '-') out += '\\';
      out += c;
    }
  }
  return out.starts_with('.') ? "\\&" + out : out;
}

namespace {

// Lines of help as they stand, without their indent.
std::string RoffLines(std::string_view text) {
  constexpr std::string_view kIndent = "  ";
  std::string out = ".nf\n";
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    out += StrCat(RoffText(text.substr(at + kIndent.size(), end - at - kIndent.size())), "\n");
    at = end + 1;
  }
  return out + ".fi\n";
}

}  // namespace

std::string ConfigurationMarkdown() {
  std::string out =
      "# Configuration\n"
      "\n"
      "<!-- Made by `ossfs2 docs configuration` from src/cli/options/option_rows_*.cc; do not edit. -->\n"
      "\n"
      "Options come from a config file (`-c FILE`), from the command line and from `-o` in fstab. The "
      "command line wins\n"
      "over the file, the file over the default; within one of them the last value wins.\n"
      "`ossfs2 mount --print-config -c FILE` shows every effective value and where it came from.\n"
      "\n"
      "- **Config file**: one `--name=value` a line; blank lines and lines beginning with `#` are ignored. "
      "`--flagfile=FILE`\n"
      "  reads another file at that place. A name or value that is not allowed stops the mount, with file, "
      "line and the\n"
      "  nearest name. A file with a secret should have mode 0600.\n"
      "- **Command line**: `--name=value`, `-name=value`, `--name value`; booleans also `--name` and "
      "`--noname`;\n"
      "  `-o name=value,name`. `--fromenv=NAMES` takes values from variables `FLAGS_name`, "
      "`--tryfromenv=NAMES` only those\n"
      "  that exist, `--undefok=NAMES` ignores these names when they are unknown.\n"
      "- **fstab**: `BUCKET[:/PREFIX] DIR ossfs2 _netdev,conf=/etc/ossfs2.conf,name=value 0 0`. Values with "
      "commas stand in\n"
      "  double quotes, or each comma as `\\,`. All options of mount(8) are understood.\n"
      "- **Sizes** are 1024-based: `1048576`, `8m`, `16GiB`. **Modes** are four octal digits.\n"
      "- **Credentials**, first found: `anonymous`, `ram_role`, `credential_process`, key pair, `credential_file`, "
      "`credential_dir`,\n"
      "  `profile`, `oidc_*` (the others give a notice); else the environment (`OSS_ACCESS_KEY_ID`, "
      "`OSS_ACCESS_KEY_SECRET`,\n"
      "  `OSS_SESSION_TOKEN`, then `ALIBABA_CLOUD_*`), then profiles. The role of an instance is asked only by "
      "`ram_role`, a profile or\n"
      "  `ALIBABA_CLOUD_ECS_METADATA`. `assume_role_*` comes on top.\n"
      "  Keys are taken out of the environment at the start: `credential_process` and other children do not inherit "
      "them.\n"
      "- **Memory**: `total_mem_limit` is a hard limit. An eighth of it (at most 256 MiB) serves names and "
      "attributes,\n"
      "  an eighth (at most 128 MiB) buffers of threads and connections, the rest is the pool of file data, "
      "in which\n"
      "  `memory_data_cache_size` lies. Without `total_mem_limit` the limit is a quarter of the machine's or "
      "control\n"
      "  group's memory, at most 8 GiB, and `memory_data_cache_size` is added to it. The log shows the "
      "division.\n"
      "\n"
      "*since*: version of the existing ossfs2 that has the option; `-`: unknown; `3.0.0`: ours.\n"
      "*change*: `set` means that `ossfs2 set DIR option=value`, or a changed file and SIGHUP, changes it while "
      "mounted; what\n"
      "was asked before keeps its old time-out. All others need a new mount.\n";
  for (int group = 0; group < kOptionGroups; ++group) {
    out += StrCat("\n## ", GroupTitle(static_cast<OptionGroup>(group)),
                  "\n\n| option | type | default | range | since | change | effect |\n|---|---|---|---|---|---|---|\n");
    for (const OptionSpec& spec : OptionTable())
      if (static_cast<int>(spec.group) == group) out += MarkdownRow(spec);
  }
  return out;
}

std::string ManPage() {
  std::string out = StrCat(".TH OSSFS2 8 \"\" \"ossfs2 ", OSSFS2_VERSION,
                           "\" \"System administration\"\n.SH NAME\nossfs2 \\- mount an Alibaba Cloud OSS "
                           "bucket as a file system\n"
                           ".SH SYNOPSIS\n",
                           RoffLines(CommandLines()), CommandsManSection(), ".SH OPTIONS\n");
  for (int group = 0; group < kOptionGroups; ++group) {
    out += StrCat(".SS ", GroupTitle(static_cast<OptionGroup>(group)), "\n");
    for (const OptionSpec& spec : OptionTable()) {
      if (static_cast<int>(spec.group) != group || !ShownInHelp(spec)) continue;
      const std::string range = RangeText(spec);
      out +=
          StrCat(".TP\n.B \\-\\-", RoffText(spec.name), spec.type == OptionType::kBool ? "" : "=VALUE", "\n",
                 RoffText(spec.effect), "\n",
                 spec.default_value.empty() ? "" : StrCat("Default: ", RoffText(spec.default_value), ".\n"),
                 range.empty() ? "" : StrCat("Allowed: ", RoffText(range), ".\n"));
    }
  }
  out += StrCat(".SH EXAMPLES\nA first mount:\n.PP\n", RoffLines(FirstMountLines()));
  out +=
      ".SH FILES\n.TP\n.I /var/log/ossfs2/NAME.log\nThe log of a mount (root); otherwise below "
      "$XDG_STATE_HOME/ossfs2.\n"
      ".TP\n.I /var/lib/ossfs2\nJournals and staged files, which survive a crash.\n"
      ".TP\n.I /run/ossfs2\nRecords and sockets of running mounts.\n"
      ".TP\n.I /usr/share/doc/ossfs2/docs\nGuides: setup, models, troubleshooting, metrics and others.\n"
      ".SH ENVIRONMENT\nOSS_ACCESS_KEY_ID, OSS_ACCESS_KEY_SECRET, OSS_SESSION_TOKEN, ALIBABA_CLOUD_*, "
      "SSL_CERT_FILE, "
      "SSL_CERT_DIR, NOTIFY_SOCKET, OSSFS2_RUNTIME_DIR, OSSFS2_GLIBC (host or carried: which C\n"
      "library the programs of a package use)\n"
      ".SH EXIT STATUS\n0 success; 1 failure; 255 wrong usage; for a failed check of the bucket or the "
      "credentials the "
      "low byte of the negative errno (EACCES: 243). mount.ossfs2 ends with 32 when mounting fails.\n"
      ".SH SEE ALSO\nmount(8), fstab(5), fusermount3(1)\n";
  return out;
}

std::string BashCompletion() {
  std::string names;
  for (const OptionSpec& spec : OptionTable())
    if (ShownInHelp(spec))
      names += StrCat(names.empty() ? "" : " ", "--", spec.name, spec.type == OptionType::kBool ? "" : "=");
  std::string runtime;
  for (const OptionSpec& spec : OptionTable())
    if (spec.runtime) runtime += StrCat(runtime.empty() ? "" : " ", spec.name, "=");
  return StrCat(
      "# bash completion of ossfs2; made by `ossfs2 docs completion`\n"
      "_ossfs2() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}\n"
      "  COMPREPLY=()\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W 'mount umount list stats explain set warmup check gc docs --version "
      "--help' -- "
      "\"$current\"))\n"
      "    return\n"
      "  fi\n"
      "  local words=''\n"
      "  case $command in\n"
      "    mount) words='-c -f --print-config --help ",
      names,
      "' ;;\n"
      "    umount) words='--lazy' ;;\n"
      "    list) words='--json' ;;\n"
      "    stats) words='--watch --json' ;;\n"
      "    set) words='",
      runtime,
      "' ;;\n"
      "    warmup) words='--jobs --check --json' ;;\n"
      "    check) words='-c --json --model' ;;\n"
      "    gc) words='-c --older-than --dry-run' ;;\n"
      "    docs) words='configuration man completion' ;;\n"
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "  [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n"
      "  case $current in -*) ;; *) [ \"$command\" != docs ] && COMPREPLY+=($(compgen -f -- \"$current\")) "
      ";; esac\n"
      "}\n"
      "complete -o filenames -F _ossfs2 ossfs2\n");
}

}  // namespace ossfs2
