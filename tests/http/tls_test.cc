// TLS of the lean client: what is accepted, what is refused and with which words.
#include <fstream>

#include <openssl/ssl.h>

#include "base/values/str.h"
#include "http/make_http_client.h"
#include "http/transport/ca_bundle.h"
#include "http/transport/tls_sessions.h"
#include "tests/http/client_fixture.h"

namespace ossfs2::http {
namespace {

using testing::HasSubstr;
using Wish = TestCertificates::Wish;

// Every name is this host; /etc/hosts of a minimal system does not even have "localhost".
Result<Resolver::Addresses> ThisHost(const std::string&) {
  return Resolver::Addresses{*SocketAddress::FromLiteral("127.0.0.1", 0)};
}

class TlsTest : public testing::Test, protected ClientUser {
 protected:
  void SetUp() override { Make(TestCertificates::Get().authority()); }
  void Make(const std::string& authority, Resolver::Lookup lookup = ThisHost) {
    HttpConfig config;
    config.ca_file = authority;
    Use(MakeLeanClient(config, std::move(lookup)));
  }
  static Request To(const ScriptedServer& server, std::string host = "localhost") {
    return RequestTo(server, true, "GET", std::move(host));
  }
};

TEST_F(TlsTest, NamesAndAddressesOfTheCertificateAreAccepted) {
  ScriptedServer server(AnswerEverything, TestCertificates::Server());
  for (const char* host : {"localhost", "127.0.0.1", "two.test", "two.test."}) {
    const auto response = client->Fetch(To(server, host));
    ASSERT_TRUE(response) << host << ": " << response.error().text;
    EXPECT_EQ(response->body, "x");
    EXPECT_EQ(response->remote_address, StrCat("127.0.0.1:", server.port()));
  }
}

TEST_F(TlsTest, ACertificateForSomebodyElseIsRefusedForGood) {
  struct Case {
    Wish wish;
    std::string host;
    std::string authority;
    const char* words;
  };
  const TestCertificates& all = TestCertificates::Get();
  for (const Case& each : std::initializer_list<Case>{
           {{"DNS:elsewhere.test"}, "localhost", all.authority(), "ostname mismatch"},
           {{"DNS:loc*.localhost"}, "localhost", all.authority(), "ostname mismatch"},
           {{"DNS:localhost"}, "127.0.0.1", all.authority(), "IP address mismatch"},
           {{"IP:127.0.0.2"}, "127.0.0.1", all.authority(), "IP address mismatch"},
           {{"DNS:localhost"}, "localhost", all.other_authority(), "unable to get local issuer certificate"},
           {{"DNS:localhost", true}, "localhost", all.authority(), "certificate has expired"}}) {
    ScriptedServer server(AnswerEverything, TestCertificates::Server(each.wish));
    Make(each.authority);
    const auto bad = client->Fetch(To(server, each.host));
    ASSERT_THAT(bad, FailsWith(ErrorKind::kUnavailable, "negotiating TLS"));
    EXPECT_FALSE(bad.error().retryable) << bad.error().text;
    EXPECT_EQ(bad.error().errno_value, EIO);
    EXPECT_THAT(bad.error().text, HasSubstr(StrCat("the certificate of ", each.host, " is not accepted: ")));
    EXPECT_THAT(bad.error().text, HasSubstr(each.words));
    EXPECT_THAT(bad.error().text, HasSubstr(each.authority));
    EXPECT_THAT(bad.error().text, HasSubstr("system clock"));
    EXPECT_EQ(server.connections(), 1);
    EXPECT_EQ(ReportOf(To(server, each.host)).cause, Cause::kCertificate);
  }
}

TEST_F(TlsTest, OldVersionsAreRefused) {
  Wish wish;
  wish.version_max = TLS1_1_VERSION;
  ScriptedServer server(AnswerEverything, TestCertificates::Server(wish));
  EXPECT_THAT(client->Fetch(To(server)), FailsWith(ErrorKind::kUnavailable, "negotiating TLS"));
}

TEST_F(TlsTest, AServerOfPlainHttpIsNamedAsSuch) {
  ScriptedServer server([](Peer& peer) { peer.Write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"); },
                        nullptr);
  EXPECT_THAT(client->Fetch(To(server)), FailsWith(ErrorKind::kUnavailable, "wrong version number"));
  EXPECT_EQ(ReportOf(To(server)).cause, Cause::kNotHttp);
}

TEST_F(TlsTest, AHandshakeThatHangsEndsWithTheConnectTimeOut) {
  // Silence, and a record of which only the beginning comes.
  for (const std::string_view first : {std::string_view(), std::string_view("\x16\x03\x03\x00\x7a\x02\x00", 7)}) {
    ScriptedServer server(
        [first](Peer& peer) {
          peer.PeekRaw(1);
          peer.Write(first);
          peer.WaitForClose();
        },
        nullptr);
    Request request = To(server);
    request.connect_timeout = std::chrono::milliseconds(400);
    Result<Response> late;
    const CallReport report = ReportOf(request, &late);
    ASSERT_THAT(late, FailsWith(ErrorKind::kUnavailable, "negotiating TLS"));
    EXPECT_THAT(late.error().text, HasSubstr("no connection within"));
    EXPECT_THAT(late.error().text, testing::Not(HasSubstr("ca_file"))) << "nobody has seen a certificate";
    EXPECT_EQ(report.phase, Phase::kTls);
    EXPECT_EQ(report.cause, Cause::kUnreachable);
    EXPECT_TRUE(late.error().retryable);
  }
}

TEST_F(TlsTest, AServerThatHangsUpInTheHandshake) {
  ScriptedServer server([](Peer& peer) { peer.PeekRaw(1); }, nullptr);
  const auto gone = client->Fetch(To(server));
  ASSERT_THAT(gone, FailsWith(ErrorKind::kUnavailable, "negotiating TLS"));
  EXPECT_TRUE(gone.error().retryable);
  EXPECT_THAT(gone.error().text, testing::Not(HasSubstr("ca_file")));
}

TEST_F(TlsTest, ACallIsCanceledInTheHandshake) {
  std::promise<void> begun;
  ScriptedServer server(
      [&](Peer& peer) {
        peer.PeekRaw(1);
        begun.set_value();
        peer.WaitForClose();
      },
      nullptr);
  auto result = Go(To(server));
  begun.get_future().wait();
  call->Cancel();
  EXPECT_THAT(result.get(), FailsWith(ErrorKind::kCanceled, "canceled"));
}

// A name with two addresses: one takes the TCP connection and never says a word of TLS.
TEST_F(TlsTest, AnAddressThatHangsIsLeftForTheNext) {
  std::string name;
  ScriptedServer server(
      [&](Peer& peer) {
        const char* const asked = SSL_get_servername(peer.ssl(), TLSEXT_NAMETYPE_host_name);
        name = asked == nullptr ? "" : asked;
        AnswerEverything(peer);
      },
      TestCertificates::Server());
  const auto mute = *SocketAddress::FromLiteral("127.0.0.9", server.port());
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(listener, mute.get(), mute.length), 0);
  ASSERT_EQ(listen(listener, 8), 0);
  Make(TestCertificates::Get().authority(), [](const std::string&) -> Result<Resolver::Addresses> {
    return Resolver::Addresses{*SocketAddress::FromLiteral("127.0.0.9", 0),
                               *SocketAddress::FromLiteral("127.0.0.1", 0)};
  });
  Request request = To(server, "two.test");
  request.connect_timeout = std::chrono::seconds(3);  // half of it for the first
  const auto response = client->Fetch(request);
  close(listener);
  ASSERT_TRUE(response) << response.error().text;
  EXPECT_EQ(response->remote_address, StrCat("127.0.0.1:", server.port()));
  EXPECT_EQ(name, "two.test");
}

TEST_F(TlsTest, NoServerNameForAnAddressAndHttp11IsAskedFor) {
  bool has_name = true;
  std::string protocols;
  const ServerTls tls = TestCertificates::Server();
  SSL_CTX_set_alpn_select_cb(
      tls.get(),
      [](SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in, unsigned in_size, void* to) {
        static_cast<std::string*>(to)->assign(reinterpret_cast<const char*>(in), in_size);
        *out = in + 1;
        *size = in[0];
        return SSL_TLSEXT_ERR_OK;
      },
      &protocols);
  ScriptedServer server(
      [&](Peer& peer) {
        has_name = SSL_get_servername(peer.ssl(), TLSEXT_NAMETYPE_host_name) != nullptr;
        AnswerEverything(peer);
      },
      tls);
  ASSERT_TRUE(client->Fetch(To(server, "127.0.0.1")));
  EXPECT_FALSE(has_name);
  EXPECT_EQ(protocols, "\x08http/1.1");
}

TEST_F(TlsTest, WrongAuthoritiesShowWhenTheClientIsMade) {
  const std::string folder = TestCertificates::Get().folder();
  std::ofstream(folder + "/none.pem") << "this is no certificate\n";
  const auto refuse = [&](const std::string& file, const std::string& dir, const char* words) {
    for (const char* proxy : {"", "http://127.0.0.1:1"}) {
      HttpConfig config;
      config.ca_file = file;
      config.ca_dir = dir;
      config.proxy = proxy;
      const auto made = MakeHttpClient(config);
      ASSERT_FALSE(made) << words;
      EXPECT_EQ(made.error().kind, ErrorKind::kInvalid);
      EXPECT_THAT(made.error().text, HasSubstr(words));
    }
  };
  refuse(folder + "/missing.pem", "", "missing.pem");
  refuse(folder + "/none.pem", "", "none.pem: no certificate could be read");
  refuse(folder, "", "no certificate could be read");
  refuse("", folder + "/ca.pem", "not a directory");
  refuse("", folder + "/missing", "missing");
}

TEST_F(TlsTest, AWrongBundleOfTheEnvironmentShowsAtTheFirstCall) {
  const std::string path = TestCertificates::Get().folder() + "/empty.pem";
  std::ofstream(path).close();
  setenv("SSL_CERT_FILE", path.c_str(), 1);
  ScriptedServer server(AnswerEverything, TestCertificates::Server());
  auto made = MakeLeanClient(HttpConfig{});
  ASSERT_TRUE(made);
  EXPECT_THAT((*made)->Fetch(To(server)), FailsWith(ErrorKind::kInvalid, path));
  unsetenv("SSL_CERT_FILE");
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(TlsTest, BundleIsFoundInOrder) {
  const std::string folder = TestCertificates::Get().folder();
  setenv("SSL_CERT_FILE", TestCertificates::Get().authority().c_str(), 1);
  EXPECT_EQ(FindCaBundle({})->file, TestCertificates::Get().authority());
  // The environment's bundle serves where none is configured.
  {
    ScriptedServer server(AnswerEverything, TestCertificates::Server());
    auto by_environment = MakeLeanClient(HttpConfig{}, ThisHost);
    ASSERT_TRUE(by_environment);
    EXPECT_TRUE((*by_environment)->Fetch(To(server)));
  }
  const std::string other = TestCertificates::Get().other_authority();
  EXPECT_EQ(FindCaBundle({.file = other})->file, other);
  EXPECT_EQ(FindCaBundle({.dir = folder})->dir, folder);
  EXPECT_EQ(FindCaBundle({.dir = folder})->file, "");
  unsetenv("SSL_CERT_FILE");
  EXPECT_EQ(UsualCaBundles().size(), 6u);
  const auto usual = FindCaBundle({});
  ASSERT_TRUE(usual);
  if (!usual->file.empty()) {
    EXPECT_THAT(UsualCaBundles(), testing::Contains(usual->file));
  }
}

TEST_F(TlsTest, SessionsOfAHostAreResumedOnNewConnections) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    std::vector<bool> resumed;
    Wish wish;
    wish.version_min = wish.version_max = version;
    ScriptedServer server(
        [&](Peer& peer) {
          resumed.push_back(peer.resumed());
          peer.ReadHead();
          peer.Write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
          peer.WaitForClose();
        },
        TestCertificates::Server(wish));
    // One after the other; another name has a session of its own.
    for (const char* host : {"localhost", "localhost", "127.0.0.1", "localhost"})
      ASSERT_TRUE(client->Fetch(To(server, host)));
    EXPECT_THAT(resumed, testing::ElementsAre(false, true, false, true)) << version;
  }
}

TEST_F(TlsTest, ASessionThatTheServerForgotCostsAWholeHandshakeOnly) {
  const ServerTls tls = TestCertificates::Server();
  ScriptedServer server([](Peer& peer) {
    peer.ReadHead();
    peer.Write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
    peer.WaitForClose();
  }, tls);
  ASSERT_TRUE(client->Fetch(To(server)));
  std::string keys(80, 'k');  // new ticket keys, as after a restart
  ASSERT_EQ(SSL_CTX_set_tlsext_ticket_keys(tls.get(), keys.data(), static_cast<long>(keys.size())), 1);
  const auto again = client->Fetch(To(server));
  EXPECT_TRUE(again) << again.error().text;
}

TEST(TlsSessionsTest, TheHostsAreBounded) {
  TlsSessions sessions;
  SSL_SESSION* const session = SSL_SESSION_new();
  for (size_t n = 0; n < TlsSessions::kHostsMax + 10; ++n) {
    sessions.Keep(StrCat("host", n), session);
    sessions.Keep("host0", session);  // stays the newest
  }
  SSL_SESSION_free(session);
  EXPECT_EQ(sessions.size(), TlsSessions::kHostsMax);
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  SSL* const ssl = SSL_new(context);
  EXPECT_TRUE(sessions.Offer("host0", ssl));
  EXPECT_FALSE(sessions.Offer("host1", ssl));
  EXPECT_TRUE(sessions.Offer(StrCat("host", TlsSessions::kHostsMax), ssl));
  sessions.Forget("host0");
  EXPECT_FALSE(sessions.Offer("host0", ssl));
  SSL_free(ssl);
  SSL_CTX_free(context);
}

}  // namespace
}  // namespace ossfs2::http
