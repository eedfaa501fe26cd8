// `ossfs2 docs`: references made from the option table.
#include <cstdio>

#include "cli/app.h"
#include "cli/reference/reference_docs.h"

namespace ossfs2 {

int DocsCommand(const Arguments& arguments) {
  const std::string what = arguments.empty() ? "" : arguments[0];
  std::string text;
  if (what == "configuration") {
    text = ConfigurationMarkdown();
  } else if (what == "man") {
    text = ManPage();
  } else if (what == "completion") {
    text = BashCompletion();
  } else {
    return FailWith(kUsageStatus, "usage: ossfs2 docs configuration|man|completion");
  }
  return fputs(text.c_str(), stdout) < 0 || fflush(stdout) != 0 ? FailWith(1, "cannot write") : 0;
}

}  // namespace ossfs2
