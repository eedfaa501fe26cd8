// HTTP as clients speak it: keep-alive, pipelines, chunks, 100-continue, limits, a quick end.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <filesystem>

#include "base/values/str.h"
#include "tests/server/test_client.h"

namespace ossfs2::server {
namespace {

class TransportTest : public ServerTest {};

// The open descriptor of this process that listens on `port`, or -1.
int ListenerOf(uint16_t port) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename().string());
    int listens = 0;
    socklen_t size = sizeof(listens);
    sockaddr_in address{};
    socklen_t length = sizeof(address);
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0 &&
        getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0 && ntohs(address.sin_port) == port) {
      return fd;
    }
  }
  return -1;
}

// Where the system's default is bbr, a connection that is accepted with it keeps its timers for good.
TEST_F(TransportTest, ConnectionsAreAcceptedWithoutBbr) {
  Start();
  const int listener = ListenerOf(port());
  ASSERT_GE(listener, 0);
  char name[16] = {};
  socklen_t size = sizeof(name) - 1;
  ASSERT_EQ(getsockopt(listener, IPPROTO_TCP, TCP_CONGESTION, name, &size), 0);
  EXPECT_TRUE(std::string(name) == "cubic" || std::string(name) == "reno") << name;
}

TEST_F(TransportTest, PipelinedRequestsAreAnsweredInOrder) {
  Start();
  RawConnection connection(port());
  connection.Send(Build("PUT", "a", {}, "one", {}) + Build("PUT", "b", {}, "two", {}) +
                  Build("GET", "a", {}, "", {}) + Build("HEAD", "b", {}, "", {}) +
                  Build("GET", "b", {}, "", {}));
  EXPECT_EQ(connection.Read().status, 200);
  EXPECT_EQ(connection.Read().status, 200);
  EXPECT_EQ(connection.Read().body, "one");
  const Answer head = connection.Read(true);
  EXPECT_EQ(head.Header("Content-Length"), "3");
  EXPECT_EQ(connection.Read().body, "two");
  EXPECT_EQ(Stat("connections"), 2u);  // and the one that asks
}

TEST_F(TransportTest, ChunkedUploadWithExtensionsAndTrailers) {
  Start();
  RawConnection connection(port());
  connection.Send(Build("PUT", "a", {}, "5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: 1\r\n\r\n",
                        {{"Transfer-Encoding", "chunked"}}));
  EXPECT_EQ(connection.Read().status, 200);
  connection.Send(Build("GET", "a", {}, "", {}));
  EXPECT_EQ(connection.Read().body, "hello world");
}

TEST_F(TransportTest, BrokenChunksAreRefused) {
  Start();
  RawConnection connection(port());
  connection.Send(Build("PUT", "a", {}, "zz\r\nhello\r\n", {{"Transfer-Encoding", "chunked"}}));
  EXPECT_EQ(connection.Read().Code(), "IncompleteBody");
  EXPECT_EQ(connection.ReadSome(1), "");
  EXPECT_EQ(Do("GET", "a").status, 404);
}

TEST_F(TransportTest, ContinueComesOnlyForAnAcceptedUpload) {
  Start();
  RawConnection good(port());
  std::string request = Build("PUT", "a", {}, "", {{"Expect", "100-continue"}, {"Content-Length", "3"}});
  request.erase(request.find("Content-Length: 0\r\n"), 19);
  good.Send(request);
  EXPECT_EQ(good.Read().status, 100);
  good.Send("abc");
  EXPECT_EQ(good.Read().status, 200);

  keys_.access_key_secret = "wrong";
  RawConnection bad(port());
  request = Build("PUT", "a", {}, "", {{"Expect", "100-continue"}, {"Content-Length", "3"}});
  request.erase(request.find("Content-Length: 0\r\n"), 19);
  bad.Send(request);
  EXPECT_EQ(bad.Read().status, 403);
  EXPECT_EQ(bad.ReadSome(1), "");  // closed: nobody knows whether the body comes
}

TEST_F(TransportTest, UploadWithoutLengthIs411) {
  Start();
  std::string request = Build("PUT", "a", {}, "", {});
  request.erase(request.find("Content-Length: 0\r\n"), 19);
  RawConnection connection(port());
  connection.Send(request);
  EXPECT_EQ(connection.Read().Code(), "MissingContentLength");
}

TEST_F(TransportTest, TruncatedUploadStoresNothing) {
  Start();
  RawConnection connection(port());
  std::string request = Build("PUT", "a", {}, std::string(1000, 'x'), {});
  connection.Send(request.substr(0, request.size() - 1));
  connection.FinishSending();
  EXPECT_EQ(connection.Read().Code(), "IncompleteBody");
  EXPECT_EQ(Do("HEAD", "a").status, 404);
}

TEST_F(TransportTest, LimitsAndMalformedHeads) {
  Start();
  const auto status = [&](const std::string& text) {
    RawConnection connection(port());
    connection.Send(text);
    return connection.Read().status;
  };
  EXPECT_EQ(status("GET / HTTP/1.1\r\nA: " + std::string(70'000, 'x') + "\r\n\r\n"), 431);
  EXPECT_EQ(status("GET /" + std::string(20'000, 'x') + " HTTP/1.1\r\n\r\n"), 414);
  EXPECT_EQ(status("GET / HTTP/2.0\r\n\r\n"), 501);
  EXPECT_EQ(status("nonsense\r\n\r\n"), 400);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nno colon\r\n\r\n"), 400);
  EXPECT_EQ(status("PUT /bkt/a HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), 400);
  std::string many = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 201; ++i) many += "A: b\r\n";
  EXPECT_EQ(status(many + "\r\n"), 431);
}

TEST_F(TransportTest, RefusedBodyDoesNotBecomeTheNextRequest) {
  Start();
  RawConnection connection(port());
  const NameValues wrong = {{"Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg=="}};
  connection.Send(
      Build("PUT", "a", {{"partNumber", "1"}, {"uploadId", "none"}}, "GET / HTTP/1.1\r\n\r\n", {}) +
      Build("PUT", "b", {}, "x", wrong) + Build("PUT", "b", {}, "x", {}));
  EXPECT_EQ(connection.Read().Code(), "NoSuchUpload");
  EXPECT_EQ(connection.Read().Code(), "InvalidDigest");
  EXPECT_EQ(connection.Read().status, 200);
}

TEST_F(TransportTest, StopsWhileRequestsHang) {
  options_.synthetic = {{"big", 1ull << 40, 1}};
  Start();
  RawConnection idle(port());
  RawConnection unread(port());
  unread.Send(Build("GET", "big", {}, "", {}));
  EXPECT_EQ(unread.ReadSome(100).size(), 100u);
  Admin("POST", "/-/config?latency=100s");
  RawConnection late(port());
  late.Send(Build("GET", "big", {}, "", {}));
  EXPECT_TRUE(server_->Stop());  // true only when all threads left within half a second
}

TEST_F(TransportTest, VirtualHostAndCnameAndEscapedSlash) {
  options_.addressing.cnames = {{"files.example.com", "bkt"}};
  options_.addressing.endpoints = {"oss.test"};
  options_.public_access = true;
  Start();
  ASSERT_EQ(Do("PUT", "d//./../x", {}, "dots").status, 200);
  const auto get = [&](const std::string& target, const std::string& host) {
    RawConnection connection(port());
    connection.Send(StrCat("GET ", target, " HTTP/1.1\r\nHost: ", host, "\r\n\r\n"));
    return connection.Read();
  };
  EXPECT_EQ(get("/d//./../x", "bkt.oss.test:9000").body, "dots");
  EXPECT_EQ(get("/d%2F%2F.%2F..%2Fx", "files.example.com").body, "dots");
  EXPECT_EQ(get("/bkt%2Fd//./../x", "oss.test").body, "dots");
  EXPECT_EQ(get("/d//./../x", "bkt.oss-cn-hangzhou.aliyuncs.com").body, "dots");
  EXPECT_EQ(get("/x", "absent.oss-cn-hangzhou.aliyuncs.com").Code(), "NoSuchBucket");
  EXPECT_EQ(get("http://127.0.0.1/bkt/d//./../x", "127.0.0.1").body, "dots");
}

}  // namespace
}  // namespace ossfs2::server
