// TlsTransport: TLS over a connected socket by OpenSSL, without its socket code.
//
// Receiving: OpenSSL takes a record in two steps, header and body. The body is received
// straight into its buffer, and the same system call brings the header of the next one
// along (kSpareBytes), so that a record of 16 KiB costs one call. From there it is
// decrypted into the sink's memory.
// Sending: records are collected until kOutputBytes and sent with one call. OpenSSL's
// writes therefore never block, and a read that has to write (key update) needs no care.
//
// Memory of a connection: about 55 KiB while it receives and 135 KiB while it uploads;
// Rest gives the buffers back, so that an idle one holds 17 KiB (1024: 18 MiB).
#pragma once

#include <array>
#include <string>
#include <vector>

#include "http/transport/transport.h"

struct bio_st;
struct bio_method_st;
struct ssl_st;

namespace ossfs2::http {

class TlsContext;

class TlsTransport final : public Transport {
 public:
  static constexpr size_t kSpareBytes = 5;              // the header of a record
  static constexpr size_t kOutputBytes = 64u << 10;     // collected before a send
  static constexpr size_t kOutputBytesMax = 256u << 10;  // a peer that makes us answer but does not read

  // Takes over `ssl`, which has host, verification and session set.
  TlsTransport(int fd, ssl_st* ssl, TlsContext& context, std::string host, std::string key);
  ~TlsTransport() override;

  IoStep Handshake() override;
  IoStep Receive(std::span<std::byte> room, bool from_socket) override;
  IoStep Send(std::span<const iovec> pieces) override;
  IoStep Flush() override;
  bool has_input() const override;
  bool has_output() const override { return output_at_ < output_.size(); }
  bool Rest() override;
  bool LooksAlive() override;
  void SayGoodbye() override;
  bool ended_properly() const override { return ended_properly_; }

  // A session that the server gave to resume; called by OpenSSL.
  void KeepSession(ssl_st* ssl);

 private:
  static const bio_method_st* Method();
  static int BioRead(bio_st* bio, char* to, int size);
  static int BioWrite(bio_st* bio, const char* from, int size);
  static long BioControl(bio_st* bio, int command, long, void*);
  int TakeInput(char* to, size_t size, bool* retry);
  ssize_t ReceiveInput(char* to, size_t size);

  IoStep Outcome();       // of the OpenSSL call that just failed
  std::string WhyNot() const;
  Cause CauseOfHandshake() const;
  bool QuietNow(bool from_socket);
  size_t output_bytes() const { return output_.size() - output_at_; }

  ssl_st* const ssl_;
  TlsContext& context_;
  const std::string host_;
  const std::string key_;
  bool established_ = false;
  bool broken_ = false;
  bool ended_properly_ = false;
  // Input that came with the last record.
  std::array<char, kSpareBytes> spare_;
  size_t spare_at_ = 0;
  size_t spare_end_ = 0;
  bool may_receive_ = true;
  bool socket_empty_ = false;  // until the caller was told
  bool end_of_input_ = false;
  int receive_errno_ = 0;
  IoStep held_back_;           // an end that showed after bytes: for the next Receive
  // Encrypted output on its way to the socket.
  std::vector<char> output_;
  size_t output_at_ = 0;
};

}  // namespace ossfs2::http
