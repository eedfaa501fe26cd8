// The admin socket and the metrics endpoint: every command is answered, anything else refused, and no bytes, number of
// connections or want of descriptors stops them.
#include "cli/admin/admin_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>
#include <vector>

#include "base/report/metrics.h"
#include "cli/admin/metrics_endpoint.h"
#include "cli/admin/socket_server.h"
#include "tests/cli/test_folder.h"
#include "tests/support/seed.h"

namespace ossfs2 {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class FakeCommands : public AdminCommands {
 public:
  std::string MountJson() override { return R"({"pid":1})"; }
  std::string MetricsJson() override { return R"({"reads_total":7})"; }
  Result<std::vector<std::string>> Explain(const std::string& path) override {
    if (path.empty()) return MakeError(ENOENT, ErrorKind::kNotFound, "no path");
    return std::vector<std::string>{"key: " + path};
  }
  Result<std::string> Set(const std::string& option, const std::string& value) override {
    return option + " is now " + value;
  }
};

nlohmann::json Ask(const std::string& request) {
  FakeCommands commands;
  return nlohmann::json::parse(AnswerAdminRequest(request, commands));
}

TEST(AdminProtocol, AnswersItsCommands) {
  EXPECT_EQ(Ask(R"({"command":"stats"})"),
            nlohmann::json::parse(R"({"ok":true,"mount":{"pid":1},"metrics":{"reads_total":7}})"));
  EXPECT_EQ(Ask(R"({"command":"status"})"), nlohmann::json::parse(R"({"ok":true,"mount":{"pid":1}})"));
  EXPECT_EQ(Ask(R"({"command":"explain","path":"/a"})")["facts"][0], "key: /a");
  EXPECT_EQ(Ask(R"({"command":"explain"})")["error"], "no path");
  EXPECT_EQ(Ask(R"({"command":"set","option":"o","value":"v"})")["text"], "o is now v");
}

TEST(AdminProtocol, RefusesEverythingElse) {
  for (const std::string& request :
       {std::string(), std::string("\n"), std::string("[]"), std::string("null"), std::string("{"),
        std::string(R"({"command":7})"), std::string(R"({"command":"shutdown"})"), std::string(1000, '['),
        std::string(kAdminRequestBytesMax + 1, 'x'), std::string("{\"command\":\"\xff\xfe\"}"),
        std::string(3, '\0')}) {
    const auto answer = Ask(request);
    EXPECT_EQ(answer["ok"], false) << request.substr(0, 40);
    EXPECT_TRUE(answer["error"].is_string());
  }
}

// Random bytes, and requests with random damage: always one line of JSON.
TEST(AdminProtocol, SurvivesAnyBytes) {
  std::mt19937_64 random(test::TestSeed());
  FakeCommands commands;
  const std::string valid =
      R"({"command":"explain","path":"/mnt/\u00e4\"b","option":["x",{"y":1e9}],"value":null})";
  for (int round = 0; round < 20000; ++round) {
    std::string request = valid;
    if (round % 3 == 0) {
      request.resize(random() % 200);
      for (char& c : request) c = static_cast<char>(random());
    } else {
      for (uint64_t i = 0, n = 1 + random() % 6; i < n; ++i) {
        const size_t at = random() % request.size();
        if (random() % 2 == 0) {
          request[at] = static_cast<char>(random());
        } else {
          request.insert(at, 1 + random() % 4, "{}[]\",:\\0"[random() % 9]);
        }
      }
    }
    const std::string answer = AnswerAdminRequest(request, commands);
    ASSERT_EQ(answer.find('\n'), std::string::npos);
    ASSERT_TRUE(nlohmann::json::accept(answer)) << answer;
  }
}

TEST(AdminServer, IsPrivateAndServesManyConnections) {
  TestFolder folder;
  FakeCommands commands;
  const std::string path = folder.path() + "/s";
  {
    const auto server = AdminServer::Start(path, commands);
    ASSERT_TRUE(server) << server.error().text;
    struct stat info {};
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
    // A silent client does not stop the others.
    const auto silent = ConnectUnix(path);
    ASSERT_TRUE(silent);
    for (int i = 0; i < 50; ++i) {
      const auto answer = AskDaemon(path, R"({"command":"status"})");
      ASSERT_TRUE(answer) << answer.error().text;
      EXPECT_THAT(*answer, HasSubstr("\"pid\":1"));
    }
    close(*silent);
  }
  EXPECT_NE(access(path.c_str(), F_OK), 0) << "the file goes with the server";
  EXPECT_FALSE(AskDaemon(path, "{}"));
}

TEST(AdminServer, ClosesOversizedRequests) {
  TestFolder folder;
  FakeCommands commands;
  const auto server = AdminServer::Start(folder.path() + "/s", commands);
  ASSERT_TRUE(server);
  const auto answer = AskDaemon(folder.path() + "/s", std::string(kAdminRequestBytesMax * 4, 'x'));
  EXPECT_TRUE(!answer || answer->find("\"ok\":false") != std::string::npos);
  EXPECT_TRUE(AskDaemon(folder.path() + "/s", R"({"command":"status"})")) << "and lives on";
}

// A daemon that is ending, or that has its fill of questions: nothing hangs, and no limit has passed.
TEST(AdminServer, AClosedConnectionIsNotASilentDaemon) {
  TestFolder folder;
  const auto listening = ListenUnix(folder.path() + "/s");
  ASSERT_TRUE(listening);
  const SocketServer server(*listening, "test", [](int) {});
  const auto answer = AskDaemon(folder.path() + "/s", R"({"command":"status"})");
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().text, HasSubstr("closed its socket"));
}

// No descriptor is free for a while: the connection waits, and the thread does not spin.
TEST(SocketServer, WaitsWhenNoDescriptorIsFree) {
  constexpr int kRefusals = 5;
  TestFolder folder;
  const std::string path = folder.path() + "/s";
  const auto listening = ListenUnix(path);
  ASSERT_TRUE(listening);
  std::vector<std::chrono::steady_clock::time_point> attempts;
  const auto acceptor = [&attempts](int fd) {
    attempts.push_back(std::chrono::steady_clock::now());
    if (attempts.size() > kRefusals) return accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
    errno = EMFILE;
    return -1;
  };
  {
    const SocketServer server(
        *listening, "test", [](int fd) { WriteAll(fd, "served\n", std::chrono::seconds(5)); }, acceptor);
    const auto client = ConnectUnix(path);
    ASSERT_TRUE(client);
    EXPECT_EQ(ReadUntil(*client, "\n", 100, std::chrono::seconds(60)), "served\n");
    close(*client);
  }
  ASSERT_EQ(attempts.size(), kRefusals + 1u);
  // The second had the spare descriptor at once; each of the others is preceded by a wait, however slow the machine.
  for (size_t i = 2; i < attempts.size(); ++i)
    EXPECT_GE(attempts[i] - attempts[i - 1], SocketServer::kRetryInterval);
}

// Connections to the service may hold all descriptors for most of a minute after they were used.
TEST(SocketServer, AnswersWithoutAFreeDescriptor) {
  TestFolder folder;
  const std::string path = folder.path() + "/s";
  const auto listening = ListenUnix(path);
  ASSERT_TRUE(listening);
  const SocketServer server(*listening, "test", [](int fd) { WriteAll(fd, "served\n", std::chrono::seconds(5)); });
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path.data(), path.size());
  const int clients[] = {socket(AF_UNIX, SOCK_STREAM, 0), socket(AF_UNIX, SOCK_STREAM, 0)};
  const int lowest_free = open("/dev/null", O_RDONLY);
  close(lowest_free);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{static_cast<rlim_t>(lowest_free), before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  for (const int client : clients) {  // the spare one comes back
    EXPECT_EQ(connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(ReadUntil(client, "\n", 100, std::chrono::seconds(60)), "served\n");
  }
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  for (const int client : clients) close(client);
}

std::string HttpGet(uint16_t port, const std::string& request) {
  const std::string command = "printf '" + request + "' | timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/" +
                              std::to_string(port) + "; cat >&3; cat <&3'";
  std::string text;
  FILE* pipe = popen(command.c_str(), "r");
  char chunk[4096];
  for (size_t n; (n = fread(chunk, 1, sizeof(chunk), pipe)) > 0;) text.append(chunk, n);
  pclose(pipe);
  return text;
}

TEST(MetricsEndpoint, ServesPrometheus) {
  Counter& counter = Registry::Default().counter("cli_test_total", "A counter of this test");
  counter.Add(3);
  const auto endpoint = MetricsEndpoint::Start("127.0.0.1", 0);
  ASSERT_TRUE(endpoint) << endpoint.error().text;
  const std::string page = HttpGet((*endpoint)->port(), "GET /metrics HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n");
  EXPECT_THAT(page, StartsWith("HTTP/1.1 200 OK"));
  EXPECT_THAT(page, HasSubstr("# HELP ossfs2_cli_test_total A counter of this test"));
  EXPECT_THAT(page, HasSubstr("\nossfs2_cli_test_total " + std::to_string(counter.Value()) + "\n"));
}

TEST(MetricsEndpoint, AnswersOddRequests) {
  EXPECT_THAT(AnswerMetricsRequest("GET /healthz HTTP/1.0\r\n\r\n"), HasSubstr("\r\n\r\nok\n"));
  EXPECT_THAT(AnswerMetricsRequest("GET /metrics?x=1 HTTP/1.1\r\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(AnswerMetricsRequest("GET /etc/passwd HTTP/1.1\r\n"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(AnswerMetricsRequest("POST /metrics HTTP/1.1\r\n"), StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(AnswerMetricsRequest(std::string("\0\xff", 2)), StartsWith("HTTP/1.1 405"));
  EXPECT_FALSE(MetricsEndpoint::Start("not-an-address", 0));
}

}  // namespace
}  // namespace ossfs2
