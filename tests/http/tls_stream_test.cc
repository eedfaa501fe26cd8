// The bytes of TLS connections of the lean client: every size and piece, ends, tickets and
// keys that come in between, and connections that are kept.
#include <openssl/ssl.h>

#include "base/values/str.h"
#include "tests/http/client_fixture.h"

namespace ossfs2::http {
namespace {

using Wish = TestCertificates::Wish;

ServerTls OfVersion(int version) {
  Wish wish;
  wish.version_min = wish.version_max = version;
  return TestCertificates::Server(wish);
}

// For every version of TLS that we speak.
class TlsStreamTest : public testing::TestWithParam<int>, protected ClientUser {
 protected:
  void SetUp() override {
    HttpConfig config;
    config.ca_file = TestCertificates::Get().authority();
    config.loop_threads = 2;
    Use(MakeLeanClient(config));
    tls = OfVersion(GetParam());
  }
  static Request To(const ScriptedServer& server, std::string method = "GET") {
    return RequestTo(server, true, std::move(method));
  }
  ServerTls tls;
};

INSTANTIATE_TEST_SUITE_P(Versions, TlsStreamTest, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& each) { return each.param == TLS1_2_VERSION ? "tls12" : "tls13"; });

const size_t kSizes[] = {0, 1, 16383, 16384, 16385, 65536, 262'144, 5'000'011};

TEST_P(TlsStreamTest, DownloadsOfEverySizeInRecordsAndRoomsOfEverySize) {
  const std::string all = Pattern(5'000'011);
  ScriptedServer server(
      [&](Peer& peer) {
        for (std::string head; !(head = peer.ReadHead()).empty();) {
          const size_t size = strtoull(head.c_str() + head.find("/n/") + 3, nullptr, 10);
          const size_t piece = strtoull(head.c_str() + head.find("/by/") + 4, nullptr, 10);
          const std::string answer = Ok(std::string_view(all).substr(0, size));
          for (size_t at = 0; at < answer.size(); at += piece) peer.Write(std::string_view(answer).substr(at, piece));
        }
      },
      tls);
  for (const auto& [piece, room] : {std::pair<size_t, size_t>{7777, 16384}, {16384, 262'144}, {1u << 20, 7777},
                                          {1u << 20, 262'144}, {40'000, 1000}}) {
    for (const size_t size : kSizes) {
      Request request = To(server);
      request.target = StrCat("/n/", size, "/by/", piece);
      const auto sink = std::make_shared<RecordingSink>(size, room);
      const auto response = Go(std::move(request), sink).get();
      ASSERT_TRUE(response) << response.error().text;
      EXPECT_EQ(response->streamed_bytes, size);
      ASSERT_TRUE(sink->bytes == all.substr(0, size)) << size << " in " << piece << " to " << room;
    }
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST_P(TlsStreamTest, UploadsOfEverySizeFromSpansOfEverySize) {
  const std::string all = Pattern(5'000'011);
  std::string got;
  ScriptedServer server(
      [&](Peer& peer) {
        for (std::string head; !(head = peer.ReadHead()).empty(); peer.Write(Ok(""))) got = peer.ReadBodyOf(head);
      },
      tls);
  for (const size_t piece : {7777u, 16384u, 16385u, 262'144u, 8u << 20}) {
    for (const size_t size : kSizes) {
      Request request = To(server, "PUT");
      for (size_t at = 0; at < size; at += piece)
        request.body.push_back(Bytes(std::string_view(all).substr(at, std::min<size_t>(piece, size - at))));
      const auto response = client->Fetch(std::move(request));
      ASSERT_TRUE(response) << response.error().text;
      ASSERT_TRUE(got == all.substr(0, size)) << size << " in " << piece;
    }
  }
  EXPECT_EQ(server.connections(), 1);
}

// The socket is full for most of the time, and everything arrives all the same.
TEST_P(TlsStreamTest, AnUploadWaitsForAServerThatReadsLittleByLittle) {
  const std::string body = Pattern(24u << 20);
  std::promise<void> begun;
  std::promise<void> go_on;
  bool same = false;
  ScriptedServer server(
      [&](Peer& peer) {
        const std::string head = peer.ReadHead();
        begun.set_value();
        go_on.get_future().wait();
        same = peer.ReadBodyOf(head) == body;
        peer.Write(Ok(""));
      },
      tls);
  Request request = To(server, "PUT");
  for (size_t at = 0; at < body.size(); at += 262'144)
    request.body.push_back(Bytes(std::string_view(body).substr(at, 262'144)));
  auto result = Go(std::move(request));
  begun.get_future().wait();
  go_on.set_value();
  const auto response = result.get();
  ASSERT_TRUE(response) << response.error().text;
  EXPECT_TRUE(same);
}

TEST_P(TlsStreamTest, ABodyThatIsCutIsNeverShortData) {
  const auto fetch = [&](const char* answer, bool goodbye) {
    ScriptedServer server(
        [&](Peer& peer) {
          peer.ReadHead();
          peer.Write(answer);
          if (!goodbye) peer.EndWithoutGoodbye();
        },
        tls);
    return client->Fetch(To(server));
  };
  for (const bool goodbye : {true, false}) {
    EXPECT_THAT(fetch("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12345", goodbye),
                FailsWith(ErrorKind::kUnavailable, "after 5 of 9 body bytes"));
    EXPECT_THAT(fetch("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n12345", goodbye),
                FailsWith(ErrorKind::kUnavailable, "inside the chunked body"));
    EXPECT_THAT(fetch("HTTP/1.1 200 OK\r\nContent-", goodbye),
                FailsWith(ErrorKind::kUnavailable, "inside the headers"));
    // Whole answers: it does not matter how the connection ends.
    EXPECT_TRUE(fetch("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345", goodbye));
    EXPECT_TRUE(fetch("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", goodbye));
  }
  // Only the goodbye tells that this one is whole.
  EXPECT_TRUE(fetch("HTTP/1.1 200 OK\r\n\r\n12345", true));
  EXPECT_THAT(fetch("HTTP/1.1 200 OK\r\n\r\n12345", false), FailsWith(ErrorKind::kUnavailable, "close_notify"));
}

TEST_P(TlsStreamTest, BytesThatAreNotOfTheSessionEndTheCall) {
  ScriptedServer server(
      [&](Peer& peer) {
        peer.ReadHead();
        peer.Write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12345");
        peer.WriteRaw(StrCat(std::string_view("\x17\x03\x03\x00\x20", 5), "not of this session, not at all!"));
        peer.WaitForClose();
      },
      tls);
  EXPECT_THAT(client->Fetch(To(server)), FailsWith(ErrorKind::kUnavailable, ": TLS: "));
}

TEST_P(TlsStreamTest, AKeptConnectionThatEndsUnansweredIsReplaced) {
  for (const bool goodbye : {true, false}) {
    ScriptedServer server(
        [&](Peer& peer) {
          if (!goodbye) peer.EndWithoutGoodbye();
          peer.ReadHead();
          peer.Write(Ok("x"));
          if (peer.number() > 0) peer.WaitForClose();
        },
        tls);
    for (int n = 0; n < 2; ++n) {
      const auto response = client->Fetch(To(server));
      ASSERT_TRUE(response) << response.error().text;
    }
    EXPECT_EQ(server.connections(), 2);
  }
}

TEST_P(TlsStreamTest, BytesAfterTheAnswerEndTheConnection) {
  ScriptedServer server(
      [&](Peer& peer) {
        for (std::string head; !(head = peer.ReadHead()).empty();) peer.Write(StrCat(Ok("x"), "HTTP/1.1 200 OK\r\n"));
      },
      tls);
  for (int n = 0; n < 3; ++n) ASSERT_TRUE(client->Fetch(To(server)));
  EXPECT_EQ(server.connections(), 3);
}

TEST_P(TlsStreamTest, PlainAndTlsOfOnePortAreNotMixedUp) {
  std::atomic<int> plain{0};
  std::atomic<int> secure{0};
  ScriptedServer server(
      [&](Peer& peer) {
        const bool is_tls = peer.PeekRaw(1) == "\x16";
        ++(is_tls ? secure : plain);
        if (is_tls && !peer.StartTls(tls.get())) return;
        while (!peer.ReadHead().empty()) peer.Write(Ok(is_tls ? "secure" : "plain"));
      },
      nullptr);
  for (int n = 0; n < 6; ++n) {
    Request request = To(server);
    request.tls = n % 2 == 0;
    const auto response = client->Fetch(request);
    ASSERT_TRUE(response) << response.error().text;
    EXPECT_EQ(response->body, request.tls ? "secure" : "plain");
  }
  EXPECT_EQ(plain, 1);
  EXPECT_EQ(secure, 1);
}

TEST_P(TlsStreamTest, ManyConnectionsAtOnce) {
  const std::string all = Pattern(2u << 20);
  ScriptedServer server(
      [&](Peer& peer) {
        for (std::string head; !(head = peer.ReadHead()).empty();) {
          const size_t at = strtoull(head.c_str() + head.find("/n/") + 3, nullptr, 10);
          const std::string sent = peer.ReadBodyOf(head);
          peer.Write(Ok(StrCat(sent, std::string_view(all).substr(at))));
        }
      },
      tls);
  std::vector<std::pair<std::shared_ptr<RecordingSink>, std::future<Result<Response>>>> calls;
  for (size_t n = 0; n < 48; ++n) {
    Request request = To(server, n % 2 == 0 ? "GET" : "PUT");
    request.target = StrCat("/n/", n * 1000);
    if (n % 2 != 0) request.body.push_back(Bytes(std::string_view(all).substr(0, n * 20'000)));
    auto sink = std::make_shared<RecordingSink>(2 * all.size(), 1000 + 7000 * (n % 9));
    auto result = Go(std::move(request), sink);
    calls.emplace_back(std::move(sink), std::move(result));
  }
  for (size_t n = 0; n < calls.size(); ++n) {
    const auto response = calls[n].second.get();
    ASSERT_TRUE(response) << response.error().text;
    const std::string sent = n % 2 == 0 ? "" : all.substr(0, n * 20'000);
    EXPECT_TRUE(calls[n].first->bytes == StrCat(sent, all.substr(n * 1000))) << n;
  }
}

class Tls13StreamTest : public TlsStreamTest {};
INSTANTIATE_TEST_SUITE_P(Versions, Tls13StreamTest, testing::Values(TLS1_3_VERSION));

// A ticket is a record that comes when it likes: no answer, and no end of the connection.
TEST_P(Tls13StreamTest, TicketsBetweenAnswersAreNoEnd) {
  SSL_CTX_set_num_tickets(tls.get(), 0);  // none with the handshake
  std::atomic<bool> resumed{false};
  ScriptedServer server(
      [&](Peer& peer) {
        resumed = peer.resumed();
        for (std::string head; !(head = peer.ReadHead()).empty();) {
          peer.ReadBodyOf(head);
          peer.Write(Ok("x"));
          SSL_new_session_ticket(peer.ssl());
          SSL_do_handshake(peer.ssl());  // sends it
          if (head.find("/last") != std::string::npos) return;
        }
      },
      tls);
  for (int n = 0; n < 40; ++n) {
    // A POST looks first whether the connection is alive; it could not be repeated.
    Request request = To(server, n % 3 == 0 ? "POST" : "GET");
    if (n == 39) request.target = "/last";
    const auto response = client->Fetch(request);
    ASSERT_TRUE(response) << n << ": " << response.error().text;
  }
  EXPECT_EQ(server.connections(), 1);
  ASSERT_TRUE(client->Fetch(To(server)));
  EXPECT_EQ(server.connections(), 2);
  EXPECT_TRUE(resumed);
}

// The server asks for new keys, and for ours: a read makes us write.
TEST_P(Tls13StreamTest, NewKeysInTheMiddleOfBodiesAndOfRest) {
  const std::string body = Pattern(3u << 20);
  const auto new_keys = [](Peer& peer) {
    SSL_key_update(peer.ssl(), SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(peer.ssl());
  };
  ScriptedServer server(
      [&](Peer& peer) {
        for (std::string head; !(head = peer.ReadHead()).empty();) {
          new_keys(peer);
          const std::string sent = peer.ReadBodyOf(head);
          const std::string answer = Ok(sent);
          for (size_t at = 0; at < answer.size(); at += 100'000) {
            peer.Write(std::string_view(answer).substr(at, 100'000));
            new_keys(peer);
          }
        }
      },
      tls);
  for (int n = 0; n < 10; ++n) {
    Request request = To(server, n % 2 == 0 ? "PUT" : "POST");
    request.body.push_back(Bytes(body));
    const auto sink = std::make_shared<RecordingSink>(body.size(), 50'000);
    const auto response = Go(std::move(request), sink).get();
    ASSERT_TRUE(response) << response.error().text;
    ASSERT_TRUE(sink->bytes == body);
  }
  EXPECT_EQ(server.connections(), 1);
}

// A peer that makes us answer for ever without reading must not fill our memory.
TEST_P(Tls13StreamTest, KeyUpdatesWithoutEndEndTheCall) {
  ScriptedServer server(
      [&](Peer& peer) {
        peer.ReadHead();
        peer.Write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12345");
        while (SSL_key_update(peer.ssl(), SSL_KEY_UPDATE_REQUESTED) == 1 && SSL_do_handshake(peer.ssl()) == 1) {
        }
      },
      tls);
  Request request = To(server);
  request.deadline = Clock::Real().NowSteady() + std::chrono::seconds(60);
  const auto response = client->Fetch(request);
  EXPECT_THAT(response, FailsWith(ErrorKind::kUnavailable, ""));
}

}  // namespace
}  // namespace ossfs2::http
