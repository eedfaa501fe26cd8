// TLS against `openssl s_server` with a CA made for the run.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/str.h"
#include "http/ca_bundle.h"
#include "tests/http/client_fixture.h"

namespace ossfs2::http {
namespace {

class TlsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    char name[] = "/tmp/ossfs2_tls_XXXXXX";
    dir_ = mkdtemp(name);
    const std::string script = StrCat(
        "cd ", dir_,
        " && for ca in ca other; do openssl req -x509 -newkey rsa:2048 -nodes -keyout $ca.key -out $ca.pem -days 2"
        " -subj /CN=test-$ca -addext basicConstraints=critical,CA:TRUE; done"
        " && openssl req -newkey rsa:2048 -nodes -keyout s.key -out s.csr -subj /CN=localhost"
        " && printf 'subjectAltName=DNS:localhost' > ext"
        " && openssl x509 -req -in s.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out s.pem");
    made_ = system(StrCat("( ", script, " ) > ", dir_, "/log 2>&1").c_str()) == 0;
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(dir_); }

  void StartServer(const char* option = "-tls1_3") {
    ASSERT_TRUE(made_) << "openssl could not make the certificates, see its output above";
    int pipe_fds[2];
    ASSERT_EQ(pipe(pipe_fds), 0);
    pid_ = fork();
    if (pid_ == 0) {
      const int null_fd = open("/dev/null", O_RDWR);
      dup2(null_fd, 0);
      dup2(pipe_fds[1], 1);
      dup2(null_fd, 2);
      close(pipe_fds[0]);
      if (chdir(dir_.c_str()) != 0) _exit(1);
      execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", "s.pem", "-key", "s.key", "-www", option,
             "-cipher", "ALL:@SECLEVEL=0", nullptr);
      _exit(1);
    }
    close(pipe_fds[1]);
    output_ = fdopen(pipe_fds[0], "r");
    char line[256];
    while (port_ == 0 && fgets(line, sizeof(line), output_) != nullptr) {
      const std::string text = line;
      if (text.starts_with("ACCEPT ")) port_ = static_cast<uint16_t>(atoi(text.c_str() + text.rfind(':') + 1));
    }
    ASSERT_NE(port_, 0);
  }
  void TearDown() override {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    if (output_ != nullptr) fclose(output_);
  }

  Result<Response> Fetch(const std::string& host, const std::string& ca) {
    HttpConfig config;
    config.ca_file = dir_ + "/" + ca;
    auto client = MakeHttpClient(config);
    if (!client) return std::move(client.error());
    Request request;
    request.tls = true;
    request.host = host;
    request.port = port_;
    return (*client)->Fetch(request);
  }

  static std::string dir_;
  static bool made_;
  uint16_t port_ = 0;
  pid_t pid_ = -1;
  FILE* output_ = nullptr;
};
std::string TlsTest::dir_;
bool TlsTest::made_ = false;

TEST_F(TlsTest, GoodWrongHostAndUnknownAuthority) {
  StartServer();
  const auto good = Fetch("localhost", "ca.pem");
  ASSERT_TRUE(good) << good.error().text;
  EXPECT_EQ(good->head.status, 200);
  for (const auto& [host, ca] : {std::pair{"127.0.0.1", "ca.pem"}, {"localhost", "other.pem"}}) {
    const auto bad = Fetch(host, ca);
    ASSERT_THAT(bad, FailsWith(ErrorKind::kUnavailable, "negotiating TLS"));
    EXPECT_FALSE(bad.error().retryable);
  }
  EXPECT_THAT(Fetch("localhost", "missing.pem"), FailsWith(ErrorKind::kInvalid, "missing.pem"));
}

TEST_F(TlsTest, OldTlsIsRefused) {
  StartServer("-tls1_1");
  EXPECT_THAT(Fetch("localhost", "ca.pem"), FailsWith(ErrorKind::kUnavailable, ""));
}

TEST_F(TlsTest, BundleIsFoundInOrder) {
  setenv("SSL_CERT_FILE", (dir_ + "/ca.pem").c_str(), 1);
  HttpConfig config;
  EXPECT_EQ(FindCaBundle(config)->file, dir_ + "/ca.pem");
  config.ca_file = dir_ + "/other.pem";
  EXPECT_EQ(FindCaBundle(config)->file, dir_ + "/other.pem");
  config.ca_file.clear();
  config.ca_dir = dir_;
  EXPECT_EQ(FindCaBundle(config)->dir, dir_);
  EXPECT_EQ(FindCaBundle(config)->file, "");
  unsetenv("SSL_CERT_FILE");
  config.ca_dir.clear();
  EXPECT_EQ(UsualCaBundles().size(), 6u);
  const auto usual = FindCaBundle(config);
  ASSERT_TRUE(usual);
  if (!usual->file.empty()) {
    EXPECT_THAT(UsualCaBundles(), testing::Contains(usual->file));
  }
}

}  // namespace
}  // namespace ossfs2::http
