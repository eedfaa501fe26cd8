// What goes wrong on the way, for both clients: kinds and texts of errors, time limits, cancel.
#include <fstream>

#include "base/values/str.h"
#include "tests/http/client_fixture.h"

namespace ossfs2::http {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

class ClientFaultTest : public ClientTest {};

INSTANTIATE_TEST_SUITE_P(Both, ClientFaultTest, testing::Values("lean", "curl", "lean_tls", "curl_tls"), ClientName);

TEST_P(ClientFaultTest, Refused) {
  Request request;
  request.host = "127.0.0.1";
  request.port = RefusedPort();
  const auto response = client->Fetch(request);
  ASSERT_THAT(response, FailsWith(ErrorKind::kUnavailable, "refused"));
  EXPECT_TRUE(response.error().retryable);
  EXPECT_EQ(response.error().errno_value, EIO);
  EXPECT_THAT(response.error().text, HasSubstr(StrCat("http://127.0.0.1:", request.port)));
  EXPECT_THAT(response.error().text, HasSubstr("while connecting"));
  EXPECT_THAT(response.error().text, HasSubstr("firewall"));
  const CallReport report = ReportOf(request);
  EXPECT_EQ(report.phase, Phase::kConnect);
  EXPECT_EQ(report.cause, Cause::kRefused);
  EXPECT_EQ(report.answers_lost, 0);
}

TEST_P(ClientFaultTest, UnknownName) {
  Request request;
  request.host = "no-such-host.invalid";
  request.deadline = Clock::Real().NowSteady() + std::chrono::seconds(20);
  Result<Response> response;
  const CallReport report = ReportOf(request, &response);
  ASSERT_THAT(response, FailsWith(ErrorKind::kUnavailable, "resolv"));
  EXPECT_THAT(response.error().text, HasSubstr("DNS"));
  EXPECT_EQ(report.phase, Phase::kDns);
  EXPECT_EQ(report.cause, Cause::kName);
  EXPECT_EQ(report.answers_lost, 0);
}

TEST_P(ClientFaultTest, ShortBodyAndReset) {
  EXPECT_THAT(FetchScripted("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12345"),
              FailsWith(ErrorKind::kUnavailable, "receiving the body"));
  EXPECT_THAT(FetchScripted("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n12345"),
              FailsWith(ErrorKind::kUnavailable, "receiving the body"));
  ScriptedServer server([&](Peer& peer) {
    peer.ReadHead();
    peer.Write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12345");
    peer.Reset();
  });
  EXPECT_THAT(client->Fetch(To(server)), FailsWith(ErrorKind::kUnavailable, "receiving the body"));
}

TEST_P(ClientFaultTest, ClosedWithoutAnswerOnAFreshConnectionIsNotRepeated) {
  ScriptedServer server([&](Peer& peer) { peer.ReadHead(); });
  Result<Response> response;
  const CallReport report = ReportOf(To(server), &response);
  EXPECT_THAT(response, FailsWith(ErrorKind::kUnavailable, "without an answer"));
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(report.phase, Phase::kAnswer);
  EXPECT_EQ(report.answers_lost, 1);
}

TEST_P(ClientFaultTest, NonsenseAnswers) {
  for (const char* answer : {"HELLO 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                             "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n123456",
                             "HTTP/1.1 101 Switching\r\n\r\n"})
    EXPECT_THAT(FetchScripted(answer), FailsWith(ErrorKind::kUnavailable, "")) << answer;
  ScriptedServer other([](Peer& peer) {
    peer.ReadHead();
    peer.Write("220 mail.test ready\r\n\r\n");
  });
  EXPECT_EQ(ReportOf(To(other)).cause, Cause::kNotHttp);
}

TEST_P(ClientFaultTest, HeaderFloodEnds) {
  ScriptedServer server([&](Peer& peer) {
    peer.ReadHead();
    if (!peer.Write("HTTP/1.1 200 OK\r\n")) return;
    while (peer.Write("X-Flood: 0123456789012345678901234567890123456789\r\n")) {
    }
  });
  EXPECT_THAT(client->Fetch(To(server)), FailsWith(ErrorKind::kUnavailable, "64 KiB"));
  ScriptedServer interim([&](Peer& peer) {
    peer.ReadHead();
    while (peer.Write("HTTP/1.1 100 Continue\r\n\r\n")) {
    }
  });
  EXPECT_THAT(client->Fetch(To(interim)), FailsWith(ErrorKind::kUnavailable, "1xx"));
}

TEST_P(ClientFaultTest, StallOfTheAnswerAndOfTheBody) {
  for (const char* prefix : {"", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123"}) {
    ScriptedServer server([&](Peer& peer) {
      peer.ReadHead();
      peer.Write(prefix);
      peer.WaitForClose();
    });
    Request request = To(server);
    request.stall_timeout = milliseconds(150);
    Result<Response> response;
    EXPECT_EQ(ReportOf(request, &response).answers_lost, 1);
    EXPECT_THAT(response, FailsWith(ErrorKind::kUnavailable, "stalled"));
  }
}

TEST_P(ClientFaultTest, StallOfAnUploadThatNobodyReads) {
  std::promise<void> over;
  ScriptedServer server([&](Peer& peer) {
    peer.ReadHead();
    over.get_future().wait();
  });
  const std::string body(32u << 20, 'x');
  Request request = To(server, "PUT");
  request.body.push_back(Bytes(body));
  request.stall_timeout = milliseconds(150);
  Result<Response> response;
  const CallReport report = ReportOf(request, &response);
  over.set_value();
  EXPECT_THAT(response, FailsWith(ErrorKind::kUnavailable, "stalled"));
  EXPECT_EQ(report.phase, Phase::kSend);
  EXPECT_EQ(report.answers_lost, 0) << "without the whole body nothing was done";
  EXPECT_GE(report.moving, milliseconds(0));
}

TEST_P(ClientFaultTest, SilenceIsNotTimeInWhichBytesMoved) {
  ScriptedServer server([&](Peer& peer) {
    peer.ReadHead();
    peer.WaitForClose();
  });
  Request request = To(server, "PUT");
  const std::string body = "small";
  request.body.push_back(Bytes(body));
  request.stall_timeout = milliseconds(1500);
  const SteadyTime begin = Clock::Real().NowSteady();
  const CallReport report = ReportOf(request);
  const auto lasted = Clock::Real().NowSteady() - begin;
  EXPECT_GE(lasted - report.moving, milliseconds(1400)) << "the whole silence";
}

TEST_P(ClientFaultTest, DeadlineHoldsAlthoughBytesCome) {
  ScriptedServer server([&](Peer& peer) {
    peer.ReadHead();
    if (!peer.Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")) return;
    while (peer.Write("1\r\nx\r\n")) {
    }
  });
  Request request = To(server);
  request.collect_bytes_max = 1u << 30;
  request.deadline = Clock::Real().NowSteady() + milliseconds(150);
  EXPECT_THAT(client->Fetch(request), FailsWith(ErrorKind::kUnavailable, "deadline"));
  request.deadline = Clock::Real().NowSteady() - milliseconds(1);
  EXPECT_THAT(client->Fetch(request), FailsWith(ErrorKind::kUnavailable, "deadline"));
}

TEST_P(ClientFaultTest, CancelWhileWaitingForTheAnswer) {
  std::promise<void> asked;
  ScriptedServer server([&](Peer& peer) {
    peer.ReadHead();
    asked.set_value();
    peer.WaitForClose();
  });
  auto result = Go(To(server));
  asked.get_future().wait();
  call->Cancel();
  EXPECT_THAT(result.get(), FailsWith(ErrorKind::kCanceled, "canceled"));
  call->Cancel();  // harmless afterwards
}

TEST_P(ClientFaultTest, CancelInTheBodyInTheUploadAndAtOnce) {
  ScriptedServer server([&](Peer& peer) {
    peer.ReadHead();
    peer.Write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123");
    peer.WaitForClose();
  });
  const auto sink = std::make_shared<RecordingSink>(100);
  auto in_body = Go(To(server), sink);
  sink->on_first_bytes.get_future().wait();
  call->Cancel();
  EXPECT_THAT(in_body.get(), FailsWith(ErrorKind::kCanceled, "canceled"));

  std::promise<void> begun;
  std::promise<void> over;
  ScriptedServer deaf([&](Peer& peer) {
    peer.ReadHead();
    peer.ReadBody(1);
    begun.set_value();
    over.get_future().wait();
  });
  const std::string body(32u << 20, 'x');
  Request upload = To(deaf, "PUT");
  upload.body.push_back(Bytes(body));
  auto in_upload = Go(std::move(upload));
  begun.get_future().wait();
  call->Cancel();
  EXPECT_THAT(in_upload.get(), FailsWith(ErrorKind::kCanceled, "canceled"));
  over.set_value();

  auto at_once = Go(To(server));
  call->Cancel();
  EXPECT_THAT(at_once.get(), FailsWith(ErrorKind::kCanceled, "canceled"));
}

TEST_P(ClientFaultTest, DestroyingTheClientEndsItsCalls) {
  ScriptedServer server([&](Peer& peer) { peer.WaitForClose(); });
  std::vector<std::future<Result<Response>>> results;
  for (int n = 0; n < 20; ++n) results.push_back(Go(To(server)));
  // A call that a Done starts meanwhile ends too.
  std::promise<Result<Response>> second;
  client->Start(To(server), nullptr, [&, raw = client.get()](Result<Response>, const CallReport&) {
    raw->Start(To(server), nullptr,
               [&](Result<Response> result, const CallReport&) { second.set_value(std::move(result)); });
  });
  client.reset();
  for (auto& result : results) EXPECT_THAT(result.get(), FailsWith(ErrorKind::kCanceled, ""));
  EXPECT_THAT(second.get_future().get(), FailsWith(ErrorKind::kCanceled, ""));
  call->Cancel();
}

TEST_P(ClientFaultTest, SourceAddresses) {
  ScriptedServer server([&](Peer& peer) {
    while (!peer.ReadHead().empty()) peer.Write(Ok("x"));
  });
  HttpConfig config;
  config.source_addresses = {"203.0.113.77", "127.0.0.2"};  // the first is not ours: skipped
  Make(config);
  const auto good = client->Fetch(To(server));
  EXPECT_TRUE(good) << good.error().text;
  config.source_addresses = {"203.0.113.77"};
  Make(config);
  const auto bad = client->Fetch(To(server));
  EXPECT_THAT(bad, FailsWith(ErrorKind::kUnavailable, "203.0.113.77"));
  config.source_addresses = {"eth0"};
  const auto wrong = lean() ? MakeLeanClient(config) : MakeCurlClient(config);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().errno_value, EINVAL);
}

}  // namespace
}  // namespace ossfs2::http
