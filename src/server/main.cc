// ossfs2-server: see options.h and --help.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/machine/descriptors.h"
#include "base/machine/environment.h"
#include "base/machine/name_service.h"
#include "server/oss_server.h"

namespace {

std::map<std::string, std::string> Environment() {
  std::map<std::string, std::string> out;
  for (const char* name : {"OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_SESSION_TOKEN"}) {
    if (const char* value = std::getenv(name)) out[name] = value;
  }
  return out;
}

// What /proc/PID/cmdline and environ show.
void WipeSecrets(int argc, char** argv) {
  ossfs2::HideSecretVariables();
  for (int i = 1; i < argc; ++i) {
    for (const std::string_view name : {"--access-key-secret", "--security-token"}) {
      char* value = nullptr;
      if (argv[i] == name && i + 1 < argc) {
        value = argv[i + 1];
      } else if (std::string_view(argv[i]).starts_with(name) && argv[i][name.size()] == '=') {
        value = argv[i] + name.size() + 1;
      }
      if (value != nullptr) std::memset(value, '*', std::strlen(value));
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  using namespace ossfs2::server;
  ossfs2::UseOwnNameServices();
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto environment = Environment();
  WipeSecrets(argc, argv);
  const auto options = ParseOptions(arguments, environment);
  if (!options) {
    std::fprintf(stderr, "ossfs2-server: %s\n", options.error().text.c_str());
    return 2;
  }
  if (options->help || options->version) {
    std::printf("%s", options->help ? HelpText().c_str() : "ossfs2-server " OSSFS2_VERSION "\n");
    return 0;
  }
  ossfs2::RaiseDescriptorLimit();  // connections and open files of 4096 clients
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  auto server = OssServer::Start(*options);
  if (!server) {
    std::fprintf(stderr, "ossfs2-server: %s\n", server.error().text.c_str());
    return 1;
  }
  std::printf("listening on %s:%u\n", options->http.address.c_str(),
              static_cast<unsigned>((*server)->port()));
  std::fflush(stdout);
  int got = 0;
  sigwait(&signals, &got);
  // Threads that would not leave, and the time to free a million records, are not waited for.
  (*server)->Stop();
  ::_exit(0);
}
