// A server of its own for each test, and a raw HTTP client that signs with V1, V4 or not at all.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "oss/signing/signing.h"
#include "server/oss_server.h"
#include "tests/support/temp_folder.h"

namespace ossfs2::server {

struct Answer {
  int status = 0;  // 0: the connection ended before an answer
  NameValues headers;
  std::string body;
  bool whole = true;  // the body had all of Content-Length

  std::string Header(std::string_view name) const;  // empty when absent
  std::string Code() const;                         // of the error XML
  // The text of the first element of this name.
  std::string Element(std::string_view name) const;
};

// One TCP connection.
class RawConnection {
 public:
  explicit RawConnection(uint16_t port);
  ~RawConnection();
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;
  void Send(std::string_view bytes);
  void FinishSending();
  // `head_only`: the answer of a HEAD.
  Answer Read(bool head_only = false);
  std::string ReadSome(size_t size);  // up to so many bytes; less at the end
  int fd() const { return fd_; }

 private:
  bool Fill();
  int fd_ = -1;
  std::string buffer_;
};

class ServerTest : public ::testing::Test {
 protected:
  ServerTest();
  ~ServerTest() override;

  // Starts the server with options_; the root stays over restarts.
  void Start();
  void Stop();
  // `target`: "key?query" with the key raw; path style, bucket "bkt", signed V1 (or as signing_ says).
  Answer Do(const std::string& method, const std::string& key, const NameValues& query = {},
            const std::string& body = "", NameValues headers = {});
  // The request text as Do sends it.
  std::string Build(const std::string& method, const std::string& key, const NameValues& query,
                    const std::string& body, NameValues headers);
  Answer Admin(const std::string& method, const std::string& target, const std::string& body = "");
  uint64_t Stat(const std::string& name);  // a number of /-/stats
  std::string NewUpload(const std::string& key);
  uint16_t port() const { return server_->port(); }

  Options options_;
  const test::TempFolder folder_;
  std::string bucket_ = "bkt";
  oss::KeySet keys_{"test-id", "test-secret", ""};
  oss::SignatureVersion signing_ = oss::SignatureVersion::kV1;
  int64_t clock_shift_s_ = 0;
  std::unique_ptr<OssServer> server_;
};

}  // namespace ossfs2::server
