// `ossfs2 check -c FILE [--json] [--model DIR]`: the doctor.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/values/str.h"
#include "cli/commands/doctor.h"
#include "cli/commands/tool_arguments.h"

namespace ossfs2 {
namespace {

const char* Mark(Verdict verdict) {
  return verdict == Verdict::kPass ? "pass" : verdict == Verdict::kWarn ? "warn" : "fail";
}

void PrintText(const Finding& finding) {
  printf("%s  %-13s %s\n", Mark(finding.verdict), finding.name.c_str(), finding.text.c_str());
  if (!finding.next_step.empty()) printf("      %-13s -> %s\n", "", finding.next_step.c_str());
  fflush(stdout);
}

}  // namespace

int CheckCommand(const Arguments& arguments) {
  Arguments options;
  bool as_json = false;
  std::string model_directory;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--json") {
      as_json = true;
    } else if (arguments[i] == "--model" && i + 1 < arguments.size()) {
      model_directory = arguments[++i];
    } else if (arguments[i].starts_with("--model=")) {
      model_directory = arguments[i].substr(8);
    } else {
      options.push_back(arguments[i]);
    }
  }
  if (options.empty()) return FailWith(kUsageStatus, "usage: ossfs2 check -c FILE [--json] [--model DIR]");
  nlohmann::json all = nlohmann::json::array();
  bool failed = false;
  const auto show = [&](const Finding& finding) {
    failed = failed || finding.verdict == Verdict::kFail;
    if (as_json) {
      all.push_back({{"check", finding.name},
                     {"verdict", Mark(finding.verdict)},
                     {"text", finding.text},
                     {"next_step", finding.next_step}});
    } else {
      PrintText(finding);
    }
  };
  const auto settings = ReadToolSettings(options);
  if (!settings) {
    show({"config", Verdict::kFail, settings.error().ToString(), "correct it and run the check again"});
  } else {
    show({"config", Verdict::kPass, StrCat(settings->Source(), " at ", settings->oss.endpoint), ""});
    for (const std::string& notice : settings->notices) show({"config", Verdict::kWarn, notice, ""});
    Doctor(*settings, model_directory).Examine(show);
  }
  if (as_json) {
    const nlohmann::json out = {{"ok", !failed}, {"checks", all}};
    puts(out.dump(1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  }
  return failed ? 1 : 0;
}

}  // namespace ossfs2
