// CurlCall: one request over libcurl: sets up an easy handle, streams the bodies in libcurl's callbacks, and turns the
// outcome into a Response or an Error.
//
// Loop thread only. The easy handle is borrowed from CurlLoop between Prepare and the end of the transfer.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <optional>
#include <string>

#include "http/client/body_receiver.h"
#include "http/client/http_config.h"
#include "http/client/loop_calls.h"
#include "http/net/source_addresses.h"
#include "http/transport/ca_bundle.h"

namespace ossfs2::http {

// What all loops of one client share.
struct CurlShared {
  HttpConfig config;
  CaLocation ca;
  SourceAddresses sources;
};

class CurlCall : public LoopCall {
 public:
  CurlCall(Request call_request, std::shared_ptr<BodySink> call_sink, Done call_done);
  ~CurlCall();
  CurlCall(const CurlCall&) = delete;
  CurlCall& operator=(const CurlCall&) = delete;

  // Sets every option on a fresh or reset handle (curl_call_setup.cc).
  void Prepare(CURL* easy, CurlShared& shared);
  // What libcurl's result means. May be called once.
  Result<Response> Outcome(CURLcode code, SteadyTime now);
  // Reads from libcurl how far the transfer is; for time limits and texts.
  void UpdatePhase();
  // The source address could not be used and no byte moved: another one may do.
  bool SourceFailed(CURLcode code) const { return code == CURLE_INTERFACE_FAILED && source_.has_value(); }
  // No answer is to come any more to what was sent.
  void NoteUnanswered();
  // Forgets the handle, which goes back to the loop.
  CURL* Release();

  CURL* easy = nullptr;  // while the transfer runs
  int sources_tried = 0;

  const std::optional<SocketAddress>& source() const { return source_; }

 private:
  static size_t OnHeader(char* data, size_t size, size_t count, void* self);
  static size_t OnBody(char* data, size_t size, size_t count, void* self);
  static size_t OnRead(char* buffer, size_t size, size_t count, void* self);
  static int OnSeek(void* self, curl_off_t offset, int origin);
  static int OnSend(void* self, char* peer_ip, char* local_ip, int peer_port, int local_port);
  static curl_socket_t OnOpenSocket(void* self, curlsocktype purpose, curl_sockaddr* address);

  void SetMethod();
  void SetUrl(const CurlShared& shared);
  void SetHeaders();
  void SetConnection(CurlShared& shared);
  bool TakeHeaderLine(std::string_view line);
  bool TakeBody(std::span<const std::byte> bytes);
  bool Stop(Error error);
  std::string What(CURLcode code) const;
  Cause CauseOf(CURLcode code) const;

  uint64_t body_bytes_ = 0;
  size_t span_ = 0;  // the request body span that comes next
  size_t span_offset_ = 0;
  bool unanswered_ = false;  // a request has begun to go out, and its answer is not there
  bool has_proxy_ = false;
  curl_slist* header_list_ = nullptr;
  char error_text_[CURL_ERROR_SIZE] = {};
  std::optional<SocketAddress> source_;

  std::string head_text_;  // lines of the head so far
  int interim_answers_ = 0;
  BodyReceiver receiver_;
  std::optional<Error> error_;  // why a callback stopped the transfer
};

}  // namespace ossfs2::http
