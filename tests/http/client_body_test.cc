// Bodies in both directions, for both clients.
#include "base/values/str.h"
#include "tests/http/client_fixture.h"

namespace ossfs2::http {

namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class ClientBodyTest : public ClientTest {};

INSTANTIATE_TEST_SUITE_P(Both, ClientBodyTest, testing::Values("lean", "curl", "lean_tls", "curl_tls"), ClientName);

TEST_P(ClientBodyTest, SendsTheRequestAsItIs) {
  std::string head;
  ScriptedServer server([&](Peer& peer) {
    head = peer.ReadHead();
    peer.Write(Ok("x"));
  });
  Request request = To(server);
  request.target = "/a/../b//%2F?empty=&q";
  request.headers = {{"Range", "bytes=0-9"}, {"X-Empty", ""}};
  const auto response = client->Fetch(std::move(request));
  ASSERT_TRUE(response) << response.error().text;
  EXPECT_EQ(response->remote_address, StrCat("127.0.0.1:", server.port()));
  EXPECT_THAT(head, StartsWith("GET /a/../b//%2F?empty=&q HTTP/1.1\r\n"));
  EXPECT_THAT(head, HasSubstr(StrCat("Host: 127.0.0.1:", server.port(), "\r\n")));
  EXPECT_THAT(head, HasSubstr("Range: bytes=0-9\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Empty:"));
  for (const char* unwanted : {"Expect", "Accept", "Content-", "User-Agent"})
    EXPECT_THAT(head, Not(HasSubstr(unwanted)));
}

TEST_P(ClientBodyTest, ContentLength) {
  const auto response = FetchScripted("HTTP/1.1 206 Partial\r\nX-Oss-A: v \r\ncontent-length: 5\r\n\r\nhello");
  ASSERT_TRUE(response) << response.error().text;
  EXPECT_EQ(response->head.status, 206);
  EXPECT_EQ(response->head.Find("x-oss-a"), "v");
  EXPECT_EQ(response->head.Find("missing"), std::nullopt);
  EXPECT_EQ(response->body, "hello");
}

TEST_P(ClientBodyTest, ChunkedWithExtensionsAndTrailers) {
  const auto response = FetchScripted(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n00A\r\n 12345678 \r\n0\r\nX-T: "
      "1\r\n\r\n");
  ASSERT_TRUE(response) << response.error().text;
  EXPECT_EQ(response->body, "hello 12345678 ");
}

TEST_P(ClientBodyTest, UntilClose) {
  const auto response = FetchScripted("HTTP/1.0 200 OK\r\n\r\nuntil the end");
  ASSERT_TRUE(response) << response.error().text;
  EXPECT_EQ(response->body, "until the end");
}

TEST_P(ClientBodyTest, NoBody) {
  for (const auto& [method, answer] : {std::pair{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n"},
                                       {"DELETE", "HTTP/1.1 204 No Content\r\n\r\n"},
                                       {"GET", "HTTP/1.1 304 Not Modified\r\nETag: \"e\"\r\n\r\n"},
                                       {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}}) {
    const auto response = FetchScripted(answer, method);
    ASSERT_TRUE(response) << method << ": " << response.error().text;
    EXPECT_EQ(response->body, "");
  }
}

TEST_P(ClientBodyTest, InterimAnswersAreSkipped) {
  const auto response = FetchScripted(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
      "1\r\n\r\ny");
  ASSERT_TRUE(response) << response.error().text;
  EXPECT_EQ(response->head.status, 200);
  EXPECT_EQ(response->head.Find("Link"), std::nullopt);
  EXPECT_EQ(response->body, "y");
}

TEST_P(ClientBodyTest, ErrorStatusIsAResponseAndNoRedirectIsFollowed) {
  for (const char* status : {"403 Forbidden", "503 Busy", "302 Found"}) {
    const auto response =
        FetchScripted(StrCat("HTTP/1.1 ", status, "\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\nno"));
    ASSERT_TRUE(response) << response.error().text;
    EXPECT_THAT(status, StartsWith(std::to_string(response->head.status)));
    EXPECT_EQ(response->body, "no");
  }
}

TEST_P(ClientBodyTest, SinkGetsEveryByteOfEveryFraming) {
  const std::string body = Pattern(300'001);
  std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (size_t at = 0, size = 1; at < body.size(); at += size, size = size * 3 + 1) {
    size = std::min(size, body.size() - at);
    char line[32];
    snprintf(line, sizeof(line), "%zx\r\n", size);
    chunked += StrCat(line, body.substr(at, size), "\r\n");
  }
  chunked += "0\r\n\r\n";
  for (const std::string& answer : {Ok(body), chunked, "HTTP/1.1 200 OK\r\n\r\n" + body}) {
    ScriptedServer server([&](Peer& peer) {
      peer.ReadHead();
      peer.Write(answer);
    });
    const auto sink = std::make_shared<RecordingSink>(body.size(), 7777);
    const auto response = Go(To(server), sink).get();
    ASSERT_TRUE(response) << response.error().text;
    EXPECT_EQ(sink->heads, 1);
    EXPECT_TRUE(sink->bytes == body);
    EXPECT_EQ(response->streamed_bytes, body.size());
    EXPECT_EQ(response->body, "");
  }
}

TEST_P(ClientBodyTest, SinkMayCollectCancelOrRunOutOfRoom) {
  ScriptedServer server([&](Peer& peer) {
    while (!peer.ReadHead().empty()) peer.Write(Ok("<Error/>"));
  });
  auto sink = std::make_shared<RecordingSink>(100);
  sink->use = BodySink::Use::kCollect;
  const auto collected = Go(To(server), sink).get();
  ASSERT_TRUE(collected) << collected.error().text;
  EXPECT_EQ(collected->body, "<Error/>");
  EXPECT_EQ(sink->bytes, "");

  sink = std::make_shared<RecordingSink>(100);
  sink->use = BodySink::Use::kCancel;
  EXPECT_THAT(Go(To(server), sink).get(), FailsWith(ErrorKind::kCanceled, "canceled"));
  EXPECT_THAT(Go(To(server), std::make_shared<RecordingSink>(7)).get(), FailsWith(ErrorKind::kCorrupt, "room"));
  Request small = To(server);
  small.collect_bytes_max = 7;
  EXPECT_THAT(client->Fetch(small), FailsWith(ErrorKind::kCorrupt, "room"));
  small.collect_bytes_max = 8;
  EXPECT_TRUE(client->Fetch(small));
}

TEST_P(ClientBodyTest, CloseEndedBodyThatFitsExactly) {
  ScriptedServer server([&](Peer& peer) {
    peer.ReadHead();
    peer.Write("HTTP/1.1 200 OK\r\n\r\n12345");
  });
  EXPECT_TRUE(Go(To(server), std::make_shared<RecordingSink>(5)).get());
  EXPECT_THAT(Go(To(server), std::make_shared<RecordingSink>(4)).get(), FailsWith(ErrorKind::kCorrupt, "room"));
}

TEST_P(ClientBodyTest, UploadsFromManySpans) {
  std::string got;
  ScriptedServer server([&](Peer& peer) {
    for (std::string head; !(head = peer.ReadHead()).empty();) {
      got = head.substr(0, head.find(' ')) + ":" + peer.ReadBodyOf(head);
      peer.Write(Ok(""));
    }
  });
  const std::string body = Pattern(24u << 20);
  for (const char* method : {"PUT", "POST"}) {
    Request request = To(server, method);
    request.body.push_back(Bytes(std::string_view(body).substr(0, 1)));
    request.body.push_back({});
    for (size_t at = 1; at < body.size(); at += 100'000)
      request.body.push_back(Bytes(std::string_view(body).substr(at, 100'000)));
    const auto response = client->Fetch(std::move(request));
    ASSERT_TRUE(response) << response.error().text;
    EXPECT_TRUE(got == StrCat(method, ":", body));
  }
}

TEST_P(ClientBodyTest, EmptyUploadsTellTheirLength) {
  std::string head;
  ScriptedServer server([&](Peer& peer) {
    for (std::string next; !(next = peer.ReadHead()).empty(); peer.Write(Ok(""))) head = next;
  });
  for (const char* method : {"PUT", "POST"}) {
    ASSERT_TRUE(client->Fetch(To(server, method)));
    EXPECT_THAT(head, HasSubstr("Content-Length: 0\r\n"));
    EXPECT_THAT(head, Not(HasSubstr("Content-Type")));
  }
  ASSERT_TRUE(client->Fetch(To(server, "DELETE")));
  EXPECT_THAT(head, StartsWith("DELETE "));
}

TEST_P(ClientBodyTest, EarlyRefusalOfABigUpload) {
  ScriptedServer server([&](Peer& peer) {
    peer.ReadHead();
    peer.Write("HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnope");
    peer.WaitForClose();
  });
  const std::string body(64u << 20, 'x');
  Request request = To(server, "PUT");
  request.body.push_back(Bytes(body));
  const auto response = client->Fetch(std::move(request));
  ASSERT_TRUE(response) << response.error().text;
  EXPECT_EQ(response->head.status, 403);
  EXPECT_EQ(response->body, "nope");
}

TEST_P(ClientBodyTest, MalformedRequestsAreNotSent) {
  ScriptedServer server([](Peer&) {});
  for (const auto& spoil : std::initializer_list<void (*)(Request&)>{
           [](Request& r) { r.target = "/a b"; }, [](Request& r) { r.target = "a"; },
           [](Request& r) { r.method = "GET /"; }, [](Request& r) { r.host = "a/b"; }, [](Request& r) { r.port = 0; },
           [](Request& r) { r.headers = {{"A", "b\r\nC: d"}}; }, [](Request& r) { r.headers = {{"A:", "b"}}; },
           [](Request& r) { r.headers = {{"content-length", "3"}}; }}) {
    Request request = To(server);
    spoil(request);
    EXPECT_THAT(client->Fetch(std::move(request)), FailsWith(ErrorKind::kInvalid, "malformed"));
  }
  EXPECT_EQ(server.connections(), 0);
}

}  // namespace
}  // namespace ossfs2::http
