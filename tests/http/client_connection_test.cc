// Keeping, repeating, limiting and choosing connections.
#include <future>
#include <set>
#include <thread>

#include "base/str.h"
#include "http/make_http_client.h"
#include "http/net/resolver.h"
#include "tests/base/thread_limit.h"
#include "tests/http/client_fixture.h"

namespace ossfs2::http {
namespace {

class ClientConnectionTest : public ClientTest {};

INSTANTIATE_TEST_SUITE_P(Both, ClientConnectionTest, testing::Values("lean", "curl", "lean_tls", "curl_tls"),
                         ClientName);

TEST_P(ClientConnectionTest, KeepsAConnectionForCallsInARow) {
  ScriptedServer server(AnswerEverything);
  for (int n = 0; n < 5; ++n) ASSERT_TRUE(client->Fetch(To(server)));
  EXPECT_EQ(server.connections(), 1);
}

TEST_P(ClientConnectionTest, DoesNotKeepWhatTheServerCloses) {
  ScriptedServer server([](Peer& peer) {
    peer.ReadHead();
    peer.Write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
    peer.WaitForClose();
  });
  for (int n = 0; n < 3; ++n) ASSERT_TRUE(client->Fetch(To(server)));
  EXPECT_EQ(server.connections(), 3);
}

TEST_P(ClientConnectionTest, OldConnectionsAreNotUsed) {
  ScriptedServer server(AnswerEverything);
  HttpConfig config;
  config.connection_age_max = std::chrono::seconds(0);
  config.idle_connection_max = std::chrono::seconds(0);
  if (!lean()) return;  // for libcurl zero means no limit; the option itself is its own affair
  Make(config);
  for (int n = 0; n < 3; ++n) ASSERT_TRUE(client->Fetch(To(server)));
  EXPECT_EQ(server.connections(), 3);
}

// The first connection answers once and dies at the second request, before any byte.
TEST_P(ClientConnectionTest, AKeptConnectionThatDiesUnansweredIsReplacedOnce) {
  for (const std::string method : {"GET", "HEAD", "DELETE", "PUT"}) {
    const std::string body = method == "PUT" ? "body" : "";
    std::vector<std::string> bodies(3);
    ScriptedServer server([&](Peer& peer) {
      peer.ReadHead();
      peer.Write(Ok("x"));
      if (peer.number() > 0) return;
      peer.ReadBodyOf(peer.ReadHead());
      peer.Reset();
    });
    ASSERT_TRUE(client->Fetch(To(server)));
    Request request = To(server, method);
    if (!body.empty()) request.body.push_back(Bytes(body));
    Result<Response> response;
    const CallReport report = ReportOf(request, &response);
    ASSERT_TRUE(response) << method << ": " << response.error().text;
    EXPECT_EQ(server.connections(), 2);
    EXPECT_EQ(report.answers_lost, 1) << method << ": the first may have had its effect";
  }
}

TEST_P(ClientConnectionTest, APostThatWasSentIsNotRepeated) {
  for (const std::string body : {"body", ""}) {
    std::atomic<int> posts{0};
    ScriptedServer server([&](Peer& peer) {
      for (std::string head; !(head = peer.ReadHead()).empty();) {
        peer.ReadBodyOf(head);
        if (head.starts_with("POST")) {
          ++posts;
          return;
        }
        peer.Write(Ok("x"));
      }
    });
    ASSERT_TRUE(client->Fetch(To(server)));
    Request request = To(server, "POST");
    if (!body.empty()) request.body.push_back(Bytes(body));
    Result<Response> response;
    EXPECT_EQ(ReportOf(request, &response).answers_lost, 1);
    EXPECT_THAT(response, FailsWith(ErrorKind::kUnavailable, ""));
    EXPECT_EQ(posts, 1);
  }
}

// A copy: a PUT without body.
TEST_P(ClientConnectionTest, EveryRequestThatMayHaveHadItsEffectCounts) {
  ScriptedServer server([](Peer& peer) {
    peer.ReadHead();
    if (peer.number() > 0) return;
    peer.Write(Ok("x"));
    peer.ReadHead();
    peer.Reset();
  });
  CallReport report = ReportOf(To(server, "PUT"));
  EXPECT_EQ(report.answers_lost, 0);
  Result<Response> response;
  report = ReportOf(To(server, "PUT"), &response);
  EXPECT_FALSE(response);
  EXPECT_EQ(report.answers_lost, 2) << "over the kept connection, and over the one made for it";
}

TEST_P(ClientConnectionTest, TheConnectionCapHoldsAndCallsWait) {
  // Requests in work, of both servers: each needs a connection. Connections themselves cannot be counted here: a
  // server sees later than the client that one was closed.
  std::atomic<int> busy{0};
  std::atomic<int> most{0};
  const auto answer = [&](Peer& peer) {
    for (std::string head; !(head = peer.ReadHead()).empty();) {
      const int now = ++busy;
      for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
      }
      peer.ReadBodyOf(head);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // so that they overlap
      --busy;
      peer.Write(Ok("x"));
    }
  };
  ScriptedServer server(answer);
  ScriptedServer other(answer);
  HttpConfig config;
  config.connections_max = 3;
  config.loop_threads = 2;
  Make(config);
  std::vector<std::future<Result<Response>>> results;
  for (int n = 0; n < 60; ++n) results.push_back(Go(To(n % 10 == 9 ? other : server)));
  for (auto& result : results) {
    const auto response = result.get();
    EXPECT_TRUE(response) << response.error().text;
  }
  EXPECT_LE(most, 3);
  EXPECT_GE(most, 2);
}

TEST_P(ClientConnectionTest, ACallInTheQueueHasItsDeadlineAndCanBeCanceled) {
  std::promise<void> over;
  auto released = over.get_future().share();
  ScriptedServer server([&](Peer& peer) {
    peer.ReadHead();
    released.wait();
    peer.Write(Ok("x"));
  });
  HttpConfig config;
  config.connections_max = 1;
  Make(config);
  auto first = Go(To(server));
  Request late = To(server);
  late.deadline = Clock::Real().NowSteady() + std::chrono::milliseconds(100);
  EXPECT_THAT(client->Fetch(late), FailsWith(ErrorKind::kUnavailable, "waiting for a free connection"));
  auto canceled = Go(To(server));
  call->Cancel();
  EXPECT_THAT(canceled.get(), FailsWith(ErrorKind::kCanceled, ""));
  auto third = Go(To(server));
  over.set_value();
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(third.get());
}

TEST_P(ClientConnectionTest, ManyParallelCallsEachGetTheirOwnBytes) {
  const std::string all = Pattern(1u << 20);
  ScriptedServer server([&](Peer& peer) {
    for (std::string head; !(head = peer.ReadHead()).empty();) {
      const size_t at = strtoull(head.c_str() + head.find("/n/") + 3, nullptr, 10);
      peer.Write(Ok(std::string_view(all).substr(at)));
    }
  });
  std::vector<std::pair<std::shared_ptr<RecordingSink>, std::future<Result<Response>>>> calls;
  for (size_t n = 0; n < 64; ++n) {
    Request request = To(server);
    request.target = StrCat("/n/", n * 1000);
    auto sink = std::make_shared<RecordingSink>(all.size());
    auto result = Go(std::move(request), sink);
    calls.emplace_back(std::move(sink), std::move(result));
  }
  for (size_t n = 0; n < calls.size(); ++n) {
    const auto response = calls[n].second.get();
    ASSERT_TRUE(response) << response.error().text;
    EXPECT_TRUE(calls[n].first->bytes == all.substr(n * 1000)) << n;
  }
}

TEST_P(ClientConnectionTest, DoneMayStartTheNextCall) {
  ScriptedServer server(AnswerEverything);
  std::promise<int> finished;
  int count = 0;
  Done next = [&](Result<Response> result, const CallReport&) {
    if (!result || ++count == 50) return finished.set_value(count);
    client->Start(To(server), nullptr, next);
  };
  client->Start(To(server), nullptr, next);
  EXPECT_EQ(finished.get_future().get(), 50);
  EXPECT_EQ(server.connections(), 1);
}

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
