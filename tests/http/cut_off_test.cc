// What is silent or slow on the way: name servers, connections that a router or load balancer has forgotten, and those
// that are much slower than others.
#include <future>

#include "http/net/resolver.h"
#include "tests/http/client_fixture.h"

namespace ossfs2::http {
namespace {

std::string FirstAddressOf(Resolver& resolver) {
  std::promise<std::string> first;
  resolver.Resolve("silent.test", 80, [&](Result<Resolver::Addresses> addresses) {
    first.set_value(addresses ? addresses->front().ToString() : addresses.error().text);
  });
  return first.get_future().get();
}

TEST(Resolver, NameServersThatAreSilentHoldUpNobodyWhoUsesTheName) {
  const auto lookups = std::make_shared<std::atomic<int>>(0);  // the last one may outlive the test
  std::promise<void> over;
  auto released = over.get_future().share();
  Resolver resolver(std::chrono::seconds(0), [lookups, released](const std::string&) -> Result<Resolver::Addresses> {
    const bool is_first = ++*lookups == 1;
    if (!is_first) released.wait();
    return Resolver::Addresses{*SocketAddress::FromLiteral(is_first ? "127.0.0.8" : "127.0.0.9", 0)};
  });
  EXPECT_EQ(FirstAddressOf(resolver), "127.0.0.8:80");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(FirstAddressOf(resolver), "127.0.0.8:80");
  over.set_value();
  while (FirstAddressOf(resolver) != "127.0.0.9:80") std::this_thread::yield();
}

// getaddrinfo waits 20 s for the answer that got lost.
TEST(Resolver, ServersThatAreBackAreAskedBesideTheQuestionThatWasLost) {
  const auto lookups = std::make_shared<std::atomic<int>>(0);
  std::promise<void> over;
  auto released = over.get_future().share();
  Resolver resolver(std::chrono::seconds(0), [lookups, released](const std::string&) -> Result<Resolver::Addresses> {
    const int number = ++*lookups;
    if (number == 2) released.wait();
    return Resolver::Addresses{*SocketAddress::FromLiteral(number == 1 ? "127.0.0.8" : "127.0.0.9", 0)};
  });
  EXPECT_EQ(FirstAddressOf(resolver), "127.0.0.8:80");
  while (FirstAddressOf(resolver) != "127.0.0.9:80") std::this_thread::sleep_for(std::chrono::milliseconds(10));
  over.set_value();
}

// Else each of them costs a stall, and all together the whole deadline of an operation.
TEST(LeanClientTest, AKeptConnectionThatIsSilentPutsAllThatRestedAsLongInDoubt) {
  constexpr int kKept = 4;
  std::promise<void> all_there;
  auto go_on = all_there.get_future().share();
  std::atomic<int> there{0};
  ScriptedServer server([&](Peer& peer) {
    for (bool is_first = true; !peer.ReadHead().empty(); is_first = false) {
      if (peer.number() < kKept && !is_first) return peer.WaitForClose();
      if (peer.number() < kKept) {
        if (++there == kKept) all_there.set_value();
        go_on.wait();  // so that each call has a connection of its own
      }
      peer.Write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
  });
  HttpConfig config;
  config.loop_threads = 1;
  auto client = MakeLeanClient(config);
  ASSERT_TRUE(client);
  Request request;
  request.host = "127.0.0.1";
  request.port = server.port();
  request = Patient(std::move(request));
  std::vector<std::promise<bool>> kept(kKept);
  for (std::promise<bool>& one : kept)
    (*client)->Start(request, nullptr,
                     [&one](Result<Response> result, const CallReport&) { one.set_value(static_cast<bool>(result)); });
  for (std::promise<bool>& one : kept) ASSERT_TRUE(one.get_future().get());
  Request hasty = request;
  hasty.stall_timeout = std::chrono::milliseconds(200);
  EXPECT_FALSE((*client)->Fetch(hasty)) << "a kept connection was used";
  EXPECT_TRUE((*client)->Fetch(request));
  EXPECT_EQ(server.connections(), kKept + 1);
}

// One connection of many.
class SlowBody : public testing::Test, protected ClientUser {
 protected:
  void SetUp() override { Use(MakeLeanClient(HttpConfig{})); }
  static Request Hurried(Request request) {
    request.slow_bytes_per_s = 1u << 20;
    request.pace_window = std::chrono::milliseconds(200);
    return request;
  }
  std::atomic<bool> over_{false};
};

TEST_F(SlowBody, ThatIsReceivedEndsTheCall) {
  ScriptedServer server([this](Peer& peer) {
    peer.ReadHead();
    peer.Write("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    while (!over_ && peer.Write("x")) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  });
  Result<Response> response;
  const CallReport report = ReportOf(Hurried(RequestTo(server, false)), &response);
  over_ = true;
  EXPECT_THAT(response, FailsWith(ErrorKind::kUnavailable, "slowly"));
  EXPECT_EQ(report.cause, Cause::kSlow);
}

TEST_F(SlowBody, ThatIsSentEndsTheCall) {
  ScriptedServer server([this](Peer& peer) {
    peer.ReadHead();
    while (!over_ && peer.ReadBody(1000).size() == 1000) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  });
  const std::string body(64u << 20, 'x');  // more than all buffers on the way
  Request request = Hurried(RequestTo(server, false, "PUT"));
  request.body = {std::as_bytes(std::span(body.data(), body.size()))};
  Result<Response> response;
  const CallReport report = ReportOf(std::move(request), &response);
  over_ = true;
  EXPECT_THAT(response, FailsWith(ErrorKind::kUnavailable, "slowly"));
  EXPECT_EQ(report.cause, Cause::kSlow);
  EXPECT_EQ(report.answers_lost, 0);
}

// What is waited for is the answer, not the body.
TEST_F(SlowBody, IsNotOneWhoseAnswerTakesLong) {
  ScriptedServer server([](Peer& peer) {
    peer.ReadBodyOf(peer.ReadHead());
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    peer.Write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  const std::string body(1000, 'x');
  Request request = Hurried(RequestTo(server, false, "PUT"));
  request.body = {std::as_bytes(std::span(body.data(), body.size()))};
  EXPECT_TRUE(client->Fetch(std::move(request)));
}

}  // namespace
}  // namespace ossfs2::http
