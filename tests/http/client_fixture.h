// What tests of the clients share: a sink that records, a user of one client, and the fixture of tests that hold for
// both clients, plain and over TLS.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>

#include "http/curl/curl_client.h"
#include "http/lean/lean_client.h"
#include "tests/http/scripted_server.h"

namespace ossfs2::http {

class RecordingSink final : public BodySink {
 public:
  explicit RecordingSink(size_t room, size_t buffer = 16384) : room_(room), buffer_(buffer) {}
  Use OnHead(const ResponseHead& head) override {
    ++heads;
    status = head.status;
    on_head.set_value();
    return use;
  }
  std::span<std::byte> NextBuffer() override {
    if (bytes.size() >= room_) return {};
    return std::span(buffer_).first(std::min(buffer_.size(), room_ - bytes.size()));
  }
  void OnBytes(size_t size) override {
    if (bytes.empty()) on_first_bytes.set_value();
    bytes.append(reinterpret_cast<const char*>(buffer_.data()), size);
  }
  Use use = Use::kStream;
  int heads = 0;
  int status = 0;
  std::string bytes;
  std::promise<void> on_head;
  std::promise<void> on_first_bytes;

 private:
  const size_t room_;
  std::vector<std::byte> buffer_;
};

// Time limits that no slow machine meets, for requests that are to succeed.
inline Request Patient(Request request) {
  request.connect_timeout = std::chrono::minutes(1);
  request.stall_timeout = std::chrono::minutes(1);
  return request;
}

// Has a client and asks servers of this machine through it.
class ClientUser {
 protected:
  void Use(Result<std::unique_ptr<HttpClient>> made) {
    ASSERT_TRUE(made) << made.error().text;
    client = std::move(*made);
  }
  static Request RequestTo(const ScriptedServer& server, bool tls, std::string method = "GET",
                           std::string host = "127.0.0.1") {
    Request request;
    request.tls = tls;
    request.method = std::move(method);
    request.host = std::move(host);
    request.port = server.port();
    return Patient(std::move(request));
  }
  std::future<Result<Response>> Go(Request request, std::shared_ptr<BodySink> sink = nullptr) {
    auto promise = std::make_shared<std::promise<Result<Response>>>();
    auto future = promise->get_future();
    call = client->Start(std::move(request), std::move(sink), [promise](Result<Response> result, const CallReport&) {
      promise->set_value(std::move(result));
    });
    return future;
  }
  // How the call ended, besides what came of it.
  CallReport ReportOf(Request request, Result<Response>* out = nullptr) {
    std::promise<CallReport> promise;
    client->Start(std::move(request), nullptr, [&](Result<Response> result, const CallReport& report) {
      if (out != nullptr) *out = std::move(result);
      promise.set_value(report);
    });
    return promise.get_future().get();
  }
  std::unique_ptr<HttpClient> client;
  std::shared_ptr<Call> call;
};

class ClientTest : public testing::TestWithParam<const char*>, protected ClientUser {
 protected:
  bool lean() const { return std::string_view(GetParam()).starts_with("lean"); }
  bool tls() const { return std::string_view(GetParam()).ends_with("_tls"); }
  void Make(HttpConfig config) {
    if (tls()) config.ca_file = TestCertificates::Get().authority();
    Use(lean() ? MakeLeanClient(config) : MakeCurlClient(config));
  }
  void SetUp() override {
    if (tls()) ScriptedServer::SpeakByDefault(TestCertificates::Server());
    HttpConfig config;
    config.loop_threads = 2;
    Make(config);
  }
  void TearDown() override { ScriptedServer::SpeakByDefault(nullptr); }
  Request To(const ScriptedServer& server, std::string method = "GET") const {
    Request request = RequestTo(server, tls(), std::move(method));
    request.target = "/bucket/key?x=1";
    return request;
  }
  // From a server that answers with exactly these bytes, one at a time, and closes.
  Result<Response> FetchScripted(const std::string& answer, std::string method = "GET") {
    ScriptedServer server([&](Peer& peer) {
      if (!peer.ReadHead().empty()) peer.WriteByteByByte(answer);
    });
    return client->Fetch(To(server, std::move(method)));
  }
};

// "lean", "curl_tls" and so on as the name of the test.
inline std::string ClientName(const testing::TestParamInfo<const char*>& each) { return each.param; }

MATCHER_P2(FailsWith, kind, text, "") {
  if (arg) {
    *result_listener << "it succeeded with HTTP " << arg->head.status;
    return false;
  }
  *result_listener << arg.error().text;
  return arg.error().kind == kind && arg.error().text.find(text) != std::string::npos;
}

inline std::span<const std::byte> Bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

}  // namespace ossfs2::http
