// Doctor: the machine and the network. doctor_bucket.cc has the bucket.
#include "cli/commands/doctor.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <fstream>

#include "base/machine/descriptors.h"
#include "base/values/size.h"
#include "base/values/str.h"
#include "cli/commands/doctor_bucket.h"
#include "cli/commands/warmup.h"
#include "cli/options/directories.h"
#include "cli/settings/endpoint_parts.h"

namespace ossfs2 {
namespace {

constexpr int kConnectLimitMs = 5000;

uint64_t MemAvailable() {
  std::ifstream file("/proc/meminfo");
  std::string name;
  uint64_t kib = 0;
  std::string unit;
  while (file >> name >> kib) {
    if (name == "MemAvailable:") return kib << 10;
    std::getline(file, unit);
  }
  return 0;
}

// Milliseconds until connected; the errno when it failed.
Result<int64_t> ConnectOnce(const addrinfo& address) {
  const int fd = socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return ErrnoError(errno, "socket");
  const auto started = std::chrono::steady_clock::now();
  int error = connect(fd, address.ai_addr, address.ai_addrlen) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    pollfd waited{fd, POLLOUT, 0};
    if (poll(&waited, 1, kConnectLimitMs) <= 0) {
      error = ETIMEDOUT;
    } else {
      socklen_t size = sizeof(error);
      getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    }
  }
  close(fd);
  if (error != 0) return ErrnoError(error, "connect");
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started)
      .count();
}

std::string AddressText(const addrinfo& address) {
  char host[NI_MAXHOST];
  if (getnameinfo(address.ai_addr, address.ai_addrlen, host, sizeof(host), nullptr, 0, NI_NUMERICHOST) != 0)
    return "?";
  return host;
}

}  // namespace

void Doctor::Machine(const Show& show) {
  const int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (fd >= 0) {
    close(fd);
    show({"fuse", Verdict::kPass, "/dev/fuse can be opened", ""});
  } else {
    const bool forbidden = errno == EACCES && geteuid() != 0;
    show({"fuse", Verdict::kFail, StrCat("/dev/fuse: ", std::string_view(strerror(errno))),
          forbidden ? "as root: chmod 666 /dev/fuse; or mount as root"
                    : "load the module (modprobe fuse); in a container add --device /dev/fuse --cap-add SYS_ADMIN"});
  }
  if (geteuid() != 0 && access("/usr/bin/fusermount3", X_OK) != 0 && access("/bin/fusermount3", X_OK) != 0)
    show({"fuse", Verdict::kFail, "fusermount3 is not installed, and you are not root",
          "install the package fuse3; where only fuse 2 is to be had: ln -s fusermount /usr/bin/fusermount3"});
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  const uint64_t allowed = std::max<uint64_t>(files.rlim_cur, std::min<uint64_t>(files.rlim_max, kDescriptorsMax));
  const bool enough = allowed >= 4096;
  show({"limits", enough ? Verdict::kPass : Verdict::kWarn, StrCat("open files: ", allowed),
        enough ? "" : "raise the hard limit: ulimit -Hn 65536"});
  const auto runtime = RuntimeDirectory();
  show({"state", runtime ? Verdict::kPass : Verdict::kFail,
        runtime ? StrCat("sockets in ", *runtime) : runtime.error().text, ""});
}

void Doctor::Memory(const Show& show) {
  show({"memory", Verdict::kPass, settings_.memory.ToString(), ""});
  const uint64_t available = MemAvailable();
  if (available < settings_.memory.total_bytes)
    show({"memory", Verdict::kWarn,
          StrCat("only ", FormatSize(available), " are free now, less than the limit of ",
                 FormatSize(settings_.memory.total_bytes)),
          "lower total_mem_limit or end other programs"});
  if (model_directory_.empty()) return;
  const Warmup files({model_directory_});
  for (const WarmupFailure& failure : files.failures())
    show({"page cache", Verdict::kFail, StrCat(failure.path, ": ", failure.reason),
          "give --model a folder that can be read"});
  if (!files.failures().empty()) return;
  const uint64_t model = files.progress().bytes_total;
  const uint64_t room =
      available > settings_.memory.total_bytes ? available - settings_.memory.total_bytes : 0;
  show({"page cache", model <= room ? Verdict::kPass : Verdict::kWarn,
        StrCat(model_directory_, " has ", FormatSize(model), "; the page cache has room for about ",
               FormatSize(room)),
        model <= room
            ? ""
            : "it will be read from the bucket again at each load; use a machine with more memory"});
}

bool Doctor::Network(const Show& show) {
  if (!settings_.http.proxy.empty()) {  // it knows the names, and this machine may not
    show({"tcp", Verdict::kPass, "connections go through the proxy", ""});
    return true;
  }
  const EndpointParts parts = SplitEndpoint(settings_.oss.endpoint);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_family = settings_.http.ipv6 ? AF_UNSPEC : AF_INET;
  addrinfo* found = nullptr;
  const int code = getaddrinfo(parts.host.c_str(), StrCat(parts.port).c_str(), &hints, &found);
  if (code != 0) {
    show({"dns", Verdict::kFail, StrCat(parts.host, ": ", std::string_view(gai_strerror(code))),
          "check the spelling of oss_endpoint and /etc/resolv.conf"});
    return false;
  }
  std::string addresses;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next)
    addresses += StrCat(addresses.empty() ? "" : ", ", AddressText(*at));
  show({"dns", Verdict::kPass,
        StrCat(parts.host, " is ", addresses == parts.host ? std::string("an address") : addresses), ""});
  bool reached = false;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    const auto time_ms = ConnectOnce(*at);
    if (time_ms) {
      show({"tcp", Verdict::kPass,
            StrCat(AddressText(*at), " port ", parts.port, " answers in ", *time_ms, " ms"), ""});
      reached = true;
    } else {
      show({"tcp", Verdict::kWarn, StrCat(AddressText(*at), " port ", parts.port, ": ", time_ms.error().text),
            ""});
    }
  }
  freeaddrinfo(found);
  if (!reached)
    show({"tcp", Verdict::kFail, StrCat("no address of ", parts.host, " can be reached"),
          "check firewalls and the port; an internal endpoint works only inside its region"});
  return reached;
}

void Doctor::Bucket(const Show& show) { BucketDoctor(settings_).Examine(show); }

void Doctor::Examine(const Show& show) {
  Machine(show);
  Memory(show);
  if (Network(show)) Bucket(show);
}

}  // namespace ossfs2
