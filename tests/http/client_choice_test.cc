// Choosing: the client (lean or libcurl) and the address; and what becomes of both without threads.
#include <atomic>
#include <future>
#include <thread>

#include "base/values/str.h"
#include "http/make_http_client.h"
#include "http/net/resolver.h"
#include "tests/base/thread_limit.h"
#include "tests/http/client_fixture.h"

namespace ossfs2::http {
namespace {

TEST(LeanClientTest, NewConnectionsSpreadOverAllAddressesAndDeadOnesRest) {
  ScriptedServer server([](Peer& peer) {
    peer.ReadHead();
    peer.Write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  });
  std::atomic<int> lookups{0};
  // The server listens on 127.0.0.1 only: the other one refuses.
  auto client = MakeLeanClient(HttpConfig{}, [&](const std::string& host) -> Result<Resolver::Addresses> {
    EXPECT_EQ(host, "two.test");
    ++lookups;
    return Resolver::Addresses{*SocketAddress::FromLiteral("127.0.0.9", 0),
                               *SocketAddress::FromLiteral("127.0.0.1", 0)};
  });
  ASSERT_TRUE(client);
  for (int n = 0; n < 6; ++n) {
    Request request;
    request.host = "two.test";
    request.port = server.port();
    const auto response = (*client)->Fetch(request);
    ASSERT_TRUE(response) << response.error().text;
    EXPECT_EQ(response->remote_address, StrCat("127.0.0.1:", server.port()));
  }
  EXPECT_EQ(lookups, 1);
}

TEST(Resolver, AsksAgainWhenNoKnownAddressTakesConnections) {
  const auto old_address = *SocketAddress::FromLiteral("127.0.0.8", 0);
  const auto new_address = *SocketAddress::FromLiteral("127.0.0.9", 0);
  std::atomic<int> lookups{0};
  Resolver resolver(std::chrono::hours(1), [&](const std::string&) -> Result<Resolver::Addresses> {
    return Resolver::Addresses{++lookups == 1 ? old_address : new_address};
  });
  const auto resolve = [&resolver] {
    std::promise<std::string> first;
    resolver.Resolve("moved.test", 80, [&](Result<Resolver::Addresses> addresses) {
      first.set_value(addresses ? addresses->front().ToString() : addresses.error().text);
    });
    return first.get_future().get();
  };
  EXPECT_EQ(resolve(), "127.0.0.8:80");
  EXPECT_EQ(resolve(), "127.0.0.8:80");
  EXPECT_EQ(lookups, 1);
  resolver.Rest(*SocketAddress::FromLiteral("127.0.0.8", 81));
  EXPECT_EQ(resolve(), "127.0.0.8:80");
  EXPECT_EQ(lookups, 1) << "another port rests";
  resolver.Rest(*SocketAddress::FromLiteral("127.0.0.8", 80));
  while (resolve() != "127.0.0.9:80") std::this_thread::yield();
  EXPECT_EQ(lookups, 2);
}

std::string FirstAddressOf(Resolver& resolver, const std::string& name) {
  std::promise<std::string> first;
  resolver.Resolve(name, 80, [&](Result<Resolver::Addresses> addresses) {
    first.set_value(addresses ? addresses->front().ToString() : addresses.error().text);
  });
  return first.get_future().get();
}

TEST(Resolver, AtTheThreadLimitOneHelperDoesAll) {
  ExpectInOwnProcess([] {
    Resolver resolver(std::chrono::hours(1), [](const std::string&) -> Result<Resolver::Addresses> {
      return Resolver::Addresses{*SocketAddress::FromLiteral("127.0.0.8", 0)};
    });
    bool good = FirstAddressOf(resolver, "first.test") == "127.0.0.8:80";
    LimitThreads(0);
    // Often enough for the helper to be done before the thread that was asked for beside it is refused.
    for (int i = 0; good && i < 20'000; ++i)
      good = FirstAddressOf(resolver, std::to_string(i) + ".test") == "127.0.0.8:80";
    return good;
  });
}

TEST(Resolver, WithoutAnyThreadItIsAnError) {
  ExpectInOwnProcess([] {
    Resolver resolver(std::chrono::hours(1), [](const std::string&) { return Resolver::Addresses{}; });
    LimitThreads(0);
    return FirstAddressOf(resolver, "a.test").find("pids.max") != std::string::npos &&
           FirstAddressOf(resolver, "a.test").find("pids.max") != std::string::npos;
  });
}

TEST(LeanClientTest, WithoutAnyThreadItIsNotMade) {
  ExpectInOwnProcess([] {
    LimitThreads(0);
    const auto client = MakeLeanClient(HttpConfig{});
    return !client && client.error().errno_value == EAGAIN;
  });
}

TEST(LeanClientTest, ConnectTimeOutNamesThePhase) {
  // A name whose lookup never ends while the call waits.
  std::promise<void> over;
  auto released = over.get_future().share();
  auto client = MakeLeanClient(HttpConfig{}, [released](const std::string&) -> Result<Resolver::Addresses> {
    released.wait();
    return Resolver::Addresses{};
  });
  ASSERT_TRUE(client);
  Request request;
  request.host = "slow.test";
  request.connect_timeout = std::chrono::milliseconds(100);
  EXPECT_THAT((*client)->Fetch(request), FailsWith(ErrorKind::kUnavailable, "DNS"));
  over.set_value();
}

TEST(CurlClientTest, ProxyGetsTheAbsoluteForm) {
  std::string head;
  ScriptedServer proxy([&](Peer& peer) {
    head = peer.ReadHead();
    peer.Write(Ok("by proxy"));
  });
  HttpConfig config;
  config.proxy = StrCat("http://127.0.0.1:", proxy.port());
  auto client = MakeHttpClient(config);
  ASSERT_TRUE(client);
  Request request;
  request.host = "bucket.test";
  request.target = "/a/../b?c";
  const auto response = (*client)->Fetch(request);
  ASSERT_TRUE(response) << response.error().text;
  EXPECT_EQ(response->body, "by proxy");
  EXPECT_THAT(head, testing::StartsWith("GET http://bucket.test/a/../b?c HTTP/1.1\r\n"));
}

TEST(MakeHttpClientTest, WithoutProxyItIsLean) {
  // Only libcurl would close the connection of an empty POST; lean keeps it.
  ScriptedServer server(AnswerEverything);
  for (const bool lean : {true, false}) {
    HttpConfig config;
    config.lean = lean;
    auto client = MakeHttpClient(config);
    ASSERT_TRUE(client);
    const int before = server.connections();
    for (int n = 0; n < 3; ++n) {
      Request request;
      request.method = "POST";
      request.host = "127.0.0.1";
      request.port = server.port();
      ASSERT_TRUE((*client)->Fetch(request));
    }
    EXPECT_EQ(server.connections() - before, lean ? 1 : 3);
  }
}

}  // namespace
}  // namespace ossfs2::http
