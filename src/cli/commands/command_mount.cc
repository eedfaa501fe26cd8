// `ossfs2 mount` and `mount.ossfs2`.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "base/values/str.h"
#include "cli/app.h"
#include "cli/daemon/mount_service.h"
#include "cli/daemon/start_report.h"
#include "cli/mounts/mount_namespace.h"
#include "cli/mounts/mount_registry.h"
#include "cli/mounts/remount.h"
#include "cli/options/directories.h"
#include "cli/options/line_advice.h"
#include "cli/options/mount_helper.h"
#include "cli/options/option_parser.h"
#include "cli/reference/reference_docs.h"

namespace ossfs2 {
namespace {

constexpr int kMountFailedStatus = 32;  // mount(8): "mount failure"

// A pipe (`-c <(...)`, /dev/stdin) gives what it holds once.
bool CanReadAgain(const std::string& config_file) {
  struct stat info {};
  const std::string path = FromStartDirectory(config_file);
  return path.empty() || stat(path.c_str(), &info) != 0 || S_ISREG(info.st_mode);
}

Result<Configuration> MakeConfiguration(OptionSet options, const std::string& config_file,
                                        const std::string& mount_point) {
  auto settings = MakeSettings(options, mount_point);
  if (!settings) {
    options.TellNotices();
    return settings.error();
  }
  return Configuration{std::move(options), std::move(*settings), CanReadAgain(config_file)};
}

Result<Configuration> ReadMount(const Arguments& arguments, const std::string& mount_point) {
  OptionSet options;
  auto line = ParseCommandLine(arguments, options);
  if (!line) return line.error();
  return MakeConfiguration(std::move(options), line->config_file, mount_point);
}

int Serve(Configuration configuration, const ReadConfiguration& read_again) {
  if (!configuration.settings.foreground) return ServeMountInBackground(std::move(configuration), read_again);
  StartReport report(-1);
  return ServeMount(std::move(configuration), read_again, report);
}

Result<Configuration> ReadHelper(const MountHelperLine& line) {
  OptionSet options;
  if (line.sloppy) options.IgnoreAllUnknown();
  std::string config_file;
  OSSFS2_RETURN_IF_ERROR(ApplyMountOptions(line.options, options, config_file));
  constexpr std::string_view kOrigin = "mount source";
  OSSFS2_RETURN_IF_ERROR(options.Set("oss_bucket", line.bucket, kOrigin, OptionLayer::kCommandLine));
  if (!line.prefix.empty())
    OSSFS2_RETURN_IF_ERROR(options.Set("oss_bucket_prefix", line.prefix, kOrigin, OptionLayer::kCommandLine));
  if (line.read_only) OSSFS2_RETURN_IF_ERROR(options.Set("ro", "true", "-r", OptionLayer::kCommandLine));
  if (!config_file.empty()) OSSFS2_RETURN_IF_ERROR(ReadConfigFile(config_file, options));
  auto configuration = MakeConfiguration(std::move(options), config_file, ResolveMountPoint(line.mount_point));
  // By the source of the kernel's table `mount -a` sees that a line of fstab is mounted already.
  if (configuration) configuration->settings.fuse.source = line.source;
  return configuration;
}

// `systemctl status` shows it.
int FailToConfigure(const std::string& text) {
  NotifyServiceManager(StrCat("STATUS=", text));
  return FailWith(1, text);
}

}  // namespace

int MountCommand(const Arguments& arguments) {
  OptionSet options;
  auto line = ParseCommandLine(arguments, options);
  if (!line) {
    // --help helps also beside a wrong option.
    for (const std::string& word : arguments)
      if (word == "-h" || word == "--help") return fputs(HelpText(false).c_str(), stdout) < 0 ? 1 : 0;
    return FailToConfigure(line.error().text);
  }
  if (line->help || line->original_help) {
    fputs(HelpText(line->original_help).c_str(), stdout);
    return 0;
  }
  if (line->print_config) {
    fputs(PrintedConfig(options).c_str(), stdout);
    const auto settings =
        MakeSettings(options, line->positional.empty() ? "" : ResolveMountPoint(line->positional[0]));
    for (const std::string& notice : settings ? settings->notices : options.notices())
      fprintf(stderr, "ossfs2: notice: %s\n", notice.c_str());
    if (!settings) return FailWith(1, settings.error().ToString());
    printf("# memory: %s\n", settings->memory.ToString().c_str());
    return 0;
  }
  if (line->positional.size() != 1)
    return FailWith(kUsageStatus,
                    line->positional.empty()
                        ? "where to mount? usage: ossfs2 mount DIR -c FILE (ossfs2 mount --help)"
                        : StrCat("one mount point is enough; \"", line->positional[1], "\" is too much",
                                 ExtraWordAdvice(line->positional[0], line->positional[1])));
  if (line->positional[0].empty())
    return FailWith(kUsageStatus, "where to mount? the mount point is empty (a variable that is not set?)");
  const std::string mount_point = ResolveMountPoint(line->positional[0]);
  if (mount_point[0] != '/')
    return FailWith(1, StrCat("where is ", mount_point, "? the current directory was removed; give an absolute path"));
  const ReadConfiguration read = [arguments, mount_point] { return ReadMount(arguments, mount_point); };
  auto configuration = MakeConfiguration(std::move(options), line->config_file, mount_point);
  if (!configuration) return FailToConfigure(configuration.error().ToString());
  return Serve(std::move(*configuration), read);
}

int MountHelperCommand(const Arguments& arguments) {
  const auto line = ParseMountHelperLine(arguments);
  if (!line) return FailWith(1, line.error().text);
  if (WantsRemount(*line)) {
    const Status done = line->fake ? Status() : Remount(*line);
    return done ? 0 : FailWith(kMountFailedStatus, done.error().ToString());
  }
  const ReadConfiguration read = [line = *line] { return ReadHelper(line); };
  auto configuration = read();
  if (!configuration) return FailWith(1, configuration.error().ToString());
  if (line->verbose) fputs(PrintedConfig(configuration->options).c_str(), stdout);
  if (line->fake) return 0;
  if (!line->mount_namespace.empty()) {
    if (const Status entered = EnterMountNamespace(line->mount_namespace); !entered)
      return FailWith(kMountFailedStatus, entered.error().ToString());
  }
  return Serve(std::move(*configuration), read) == 0 ? 0 : kMountFailedStatus;
}

}  // namespace ossfs2
