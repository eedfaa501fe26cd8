#include "cli/app.h"
#include "cli/core_dumps.h"
#include "cli/secrets.h"

int main(int argc, char** argv) {
  ossfs2::ForbidCoreDumps();
  ossfs2::HideSecretEnvironment();
  return ossfs2::RunOssfs2(argc, argv);
}
