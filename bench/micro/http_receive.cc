// http_receive: how much CPU the receiving of HTTP bodies costs, by client.
//
//   http_receive --serve FILE a tiny sendfile server; prints its port
//   http_receive --serve FILE --cert PEM --key PEM  the same with TLS, from memory
//   http_receive --url http[s]://HOST:PORT/PATH --client lean|curl|raw [--ca PEM]
//                [--gib 8] [--parallel 4] [--range-mib 8] [--threads 0] [--file-mib 1024]
//   http_receive --url ... --client lean|curl --put  uploads instead (the server drops them)
//
// Reads N GiB as ranged GETs, K at a time, into reused pre-touched memory, and prints
// GiB/s and the own CPU seconds per GiB (user + system). `raw` is a blocking recv loop on
// K threads: the floor of what receiving costs.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <thread>

#include "base/threads/mutex.h"
#include "base/values/str.h"
#include "http/curl/curl_client.h"
#include "http/lean/lean_client.h"

namespace ossfs2::http {
namespace {

struct Options {
  std::map<std::string, std::string> values;
  std::string Text(const std::string& name, const char* fallback) const {
    const auto it = values.find(name);
    return it == values.end() ? fallback : it->second;
  }
  uint64_t Number(const std::string& name, const char* fallback) const {
    return strtoull(Text(name, fallback).c_str(), nullptr, 10);
  }
};

// --- the server -------------------------------------------------------------------

struct Link {
  int fd;
  SSL* ssl;  // null: plain
  ssize_t Read(void* to, size_t size) const {
    return ssl == nullptr ? recv(fd, to, size, 0) : SSL_read(ssl, to, static_cast<int>(size));
  }
  bool Write(const char* from, size_t size) const {
    if (ssl != nullptr) return SSL_write(ssl, from, static_cast<int>(size)) > 0;
    return send(fd, from, size, MSG_NOSIGNAL | MSG_MORE) == static_cast<ssize_t>(size);
  }
};

std::string ReadHead(const Link& link, std::string* buffered) {
  size_t end;
  while ((end = buffered->find("\r\n\r\n")) == std::string::npos) {
    char bytes[8192];
    const ssize_t got = link.Read(bytes, sizeof(bytes));
    if (got <= 0) return "";
    buffered->append(bytes, static_cast<size_t>(got));
  }
  std::string head = buffered->substr(0, end + 4);
  buffered->erase(0, end + 4);
  return head;
}

uint64_t NumberAfter(const std::string& text, const char* key) {
  const size_t at = text.find(key);
  return at == std::string::npos ? 0 : strtoull(text.c_str() + at + strlen(key), nullptr, 10);
}

bool SendBody(const Link& link, int file, const char* bytes, off_t first, uint64_t left) {
  while (left > 0) {
    const auto part = static_cast<size_t>(std::min<uint64_t>(left, 1u << 20));
    if (link.ssl != nullptr) {
      if (!link.Write(bytes + first, part)) return false;
      first += static_cast<off_t>(part);
      left -= part;
      continue;
    }
    const ssize_t sent = sendfile(link.fd, file, &first, left);
    if (sent <= 0) return false;
    left -= static_cast<uint64_t>(sent);
  }
  return true;
}

void ServeConnection(int fd, SSL_CTX* tls, int file, const char* bytes, uint64_t file_size) {
  const Link link{fd, tls == nullptr ? nullptr : SSL_new(tls)};
  if (tls != nullptr && (SSL_set_fd(link.ssl, fd) != 1 || SSL_accept(link.ssl) != 1)) {
    SSL_free(link.ssl);
    close(fd);
    return;
  }
  std::string buffered;
  std::vector<char> dropped(1 << 20);
  for (std::string head; !(head = ReadHead(link, &buffered)).empty();) {
    if (head.starts_with("PUT")) {
      for (uint64_t left = NumberAfter(head, "Content-Length: ") - buffered.size(); left > 0;) {
        const ssize_t got = link.Read(dropped.data(), std::min<uint64_t>(left, dropped.size()));
        if (got <= 0) break;
        left -= static_cast<uint64_t>(got);
      }
      buffered.clear();
      const std::string_view answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
      if (tls == nullptr ? send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) < 0
                         : !link.Write(answer.data(), answer.size()))
        break;
      continue;
    }
    off_t first = 0;
    uint64_t last = file_size - 1;
    if (const size_t at = head.find("bytes="); at != std::string::npos) {
      first = static_cast<off_t>(strtoull(head.c_str() + at + 6, nullptr, 10));
      last = NumberAfter(head.substr(at), "-");
    }
    const uint64_t left = last + 1 - static_cast<uint64_t>(first);
    const std::string answer_head = StrCat("HTTP/1.1 206 Partial Content\r\nContent-Length: ", left,
                                           "\r\nContent-Range: bytes ", first, "-", last, "/", file_size, "\r\n\r\n");
    if (!link.Write(answer_head.data(), answer_head.size()) || !SendBody(link, file, bytes, first, left)) break;
  }
  SSL_free(link.ssl);
  close(fd);
}

SSL_CTX* ServerTls(const std::string& certificate, const std::string& key) {
  SSL_CTX* const tls = SSL_CTX_new(TLS_server_method());
  if (SSL_CTX_use_certificate_chain_file(tls, certificate.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(tls, key.c_str(), SSL_FILETYPE_PEM) != 1)
    fprintf(stderr, "cannot use %s and %s\n", certificate.c_str(), key.c_str()), abort();
  return tls;
}

int Serve(const std::string& path, const std::string& certificate, const std::string& key) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info {};
  if (file < 0 || fstat(file, &info) != 0) return perror(path.c_str()), 1;
  SSL_CTX* const tls = certificate.empty() ? nullptr : ServerTls(certificate, key);
  void* const bytes = mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ, MAP_SHARED | MAP_POPULATE, file, 0);
  if (bytes == MAP_FAILED) return perror("mmap"), 1;
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // Before listen: a connection accepted with bbr keeps its pacing timers for good.
  if (setsockopt(listener, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) != 0)
    setsockopt(listener, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener, 256) != 0)
    return perror("listen"), 1;
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  for (;;) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return 1;
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    std::thread(ServeConnection, fd, tls, file, static_cast<const char*>(bytes), static_cast<uint64_t>(info.st_size))
        .detach();
  }
}

// --- the readers ------------------------------------------------------------------

std::span<std::byte> TouchedMemory(size_t size) {
  void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) abort();
  madvise(memory, size, MADV_HUGEPAGE);
  memset(memory, 1, size);
  return {static_cast<std::byte*>(memory), size};
}

struct Plan {
  bool tls = false;
  std::string host;
  uint16_t port = 80;
  std::string target;
  uint64_t ranges = 0;
  uint64_t range_bytes = 0;
  uint64_t file_ranges = 0;  // ranges in the file; read round and round
  size_t parallel = 0;
  bool put = false;
};

class MemorySink final : public BodySink {
 public:
  explicit MemorySink(std::span<std::byte> memory) : memory_(memory) {}
  Use OnHead(const ResponseHead& head) override {
    at_ = 0;
    return head.status == 206 ? Use::kStream : Use::kCollect;
  }
  std::span<std::byte> NextBuffer() override { return memory_.subspan(at_); }
  void OnBytes(size_t size) override { at_ += size; }
  size_t size() const { return at_; }

 private:
  const std::span<std::byte> memory_;
  size_t at_ = 0;
};

class ClientRun {
 public:
  ClientRun(HttpClient& client, const Plan& plan) : client_(client), plan_(plan) {}
  bool Run() {
    left_ = plan_.parallel;
    for (size_t n = 0; n < plan_.parallel; ++n) {
      memory_.push_back(TouchedMemory(plan_.range_bytes));
      sinks_.push_back(std::make_shared<MemorySink>(memory_.back()));
    }
    for (size_t n = 0; n < plan_.parallel; ++n) Next(n);
    MutexLock lock(mutex_);
    while (left_ > 0) ended_.Wait(lock);
    return !failed_;
  }

 private:
  void Next(size_t worker) {
    const uint64_t range = next_++;
    if (range >= plan_.ranges || failed_) return End();
    Request request;
    request.tls = plan_.tls;
    request.host = plan_.host;
    request.port = plan_.port;
    request.target = plan_.target;
    std::shared_ptr<BodySink> sink;
    if (plan_.put) {
      request.method = "PUT";
      request.body.push_back(memory_[worker]);
    } else {
      const uint64_t first = range % plan_.file_ranges * plan_.range_bytes;
      request.headers = {{"Range", StrCat("bytes=", first, "-", first + plan_.range_bytes - 1)}};
      sink = sinks_[worker];
    }
    client_.Start(std::move(request), std::move(sink), [this, worker](Result<Response> result, const CallReport&) {
      const bool good =
          result && (plan_.put ? result->head.status == 200 : result->streamed_bytes == plan_.range_bytes);
      if (!good) {
        failed_ = true;
        fprintf(stderr, "%s\n", result ? "wrong status or size" : result.error().text.c_str());
      }
      Next(worker);
    });
  }
  void End() {
    MutexLock lock(mutex_);
    --left_;
    ended_.NotifyAll();
  }

  HttpClient& client_;
  const Plan& plan_;
  std::vector<std::span<std::byte>> memory_;
  std::vector<std::shared_ptr<MemorySink>> sinks_;
  std::atomic<uint64_t> next_{0};
  std::atomic<bool> failed_{false};
  Mutex mutex_;
  CondVar ended_;
  size_t left_ GUARDED_BY(mutex_) = 0;
};

bool RawWorker(const Plan& plan, std::atomic<uint64_t>& next) {
  const auto memory = TouchedMemory(plan.range_bytes);
  const auto peer = SocketAddress::FromLiteral(plan.host, plan.port);
  if (!peer) return false;
  const int fd = socket(peer->family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, peer->get(), peer->length) != 0) return false;
  for (uint64_t range; (range = next++) < plan.ranges;) {
    const uint64_t first = range % plan.file_ranges * plan.range_bytes;
    const std::string request = StrCat("GET ", plan.target, " HTTP/1.1\r\nHost: x\r\nRange: bytes=", first, "-",
                                       first + plan.range_bytes - 1, "\r\n\r\n");
    if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0) return false;
    char head[4096];
    const ssize_t peeked = recv(fd, head, sizeof(head) - 1, MSG_PEEK);
    if (peeked <= 0) return false;
    head[peeked] = 0;
    const char* const end = strstr(head, "\r\n\r\n");
    if (end == nullptr || recv(fd, head, static_cast<size_t>(end + 4 - head), 0) <= 0) return false;
    for (size_t at = 0; at < memory.size();) {
      const ssize_t got = recv(fd, memory.data() + at, std::min<size_t>(memory.size() - at, 1 << 20), 0);
      if (got <= 0) return false;
      at += static_cast<size_t>(got);
    }
  }
  close(fd);
  return true;
}

bool RunRaw(const Plan& plan) {
  std::atomic<uint64_t> next{0};
  std::atomic<bool> good{true};
  std::vector<std::thread> threads;
  for (size_t n = 0; n < plan.parallel; ++n)
    threads.emplace_back([&] {
      if (!RawWorker(plan, next)) good = false;
    });
  for (std::thread& thread : threads) thread.join();
  return good;
}

double OwnCpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

bool ParseUrl(const std::string& url, Plan* plan) {
  char host[256];
  char path[1024];
  unsigned port = 80;
  plan->tls = url.starts_with("https://");
  const char* const rest = url.c_str() + (plan->tls ? 8 : 7);
  if (!url.starts_with("http") || sscanf(rest, "%255[^:/]:%u%1023s", host, &port, path) != 3) return false;
  plan->host = host;
  plan->port = static_cast<uint16_t>(port);
  plan->target = path;
  return true;
}

int Main(const Options& options) {
  if (const std::string file = options.Text("--serve", ""); !file.empty())
    return Serve(file, options.Text("--cert", ""), options.Text("--key", ""));
  Plan plan;
  if (!ParseUrl(options.Text("--url", ""), &plan)) return fprintf(stderr, "need --url http://HOST:PORT/PATH\n"), 2;
  plan.parallel = options.Number("--parallel", "4");
  plan.range_bytes = options.Number("--range-mib", "8") << 20;
  plan.file_ranges = std::max<uint64_t>(1, (options.Number("--file-mib", "1024") << 20) / plan.range_bytes);
  const double gib = strtod(options.Text("--gib", "8").c_str(), nullptr);
  plan.ranges = static_cast<uint64_t>(gib * (1ull << 30) / static_cast<double>(plan.range_bytes));
  plan.put = options.values.contains("--put");
  const std::string name = options.Text("--client", "lean");
  HttpConfig config;
  config.ca_file = options.Text("--ca", "");
  config.loop_threads = static_cast<int>(options.Number("--threads", "0"));
  std::unique_ptr<HttpClient> client;
  if (name != "raw") {
    auto made = name == "lean" ? MakeLeanClient(config) : MakeCurlClient(config);
    if (!made) return fprintf(stderr, "%s\n", made.error().text.c_str()), 1;
    client = std::move(*made);
  }
  const double cpu_before = OwnCpuSeconds();
  const auto before = std::chrono::steady_clock::now();
  const bool good = name == "raw" ? RunRaw(plan) : ClientRun(*client, plan).Run();
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
  const double cpu = OwnCpuSeconds() - cpu_before;
  printf("%-4s %s %s parallel=%zu range=%lluMiB: %.2f GiB/s, own CPU %.3f s/GiB%s\n", name.c_str(),
         plan.put ? "PUT" : "GET", plan.tls ? "https" : "http", plan.parallel,
         static_cast<unsigned long long>(plan.range_bytes >> 20), gib / wall, cpu / gib, good ? "" : " FAILED");
  return good ? 0 : 1;
}

}  // namespace
}  // namespace ossfs2::http

int main(int argc, char** argv) {
  ossfs2::http::Options options;
  for (int n = 1; n < argc; ++n) {
    const bool flag = strcmp(argv[n], "--put") == 0 || n + 1 == argc;
    options.values[argv[n]] = flag ? "" : argv[n + 1];
    if (!flag) ++n;
  }
  return ossfs2::http::Main(options);
}
