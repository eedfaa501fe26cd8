// Keeping, repeating and limiting connections.
#include <future>
#include <thread>

#include "base/values/str.h"
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

}  // namespace
}  // namespace ossfs2::http
