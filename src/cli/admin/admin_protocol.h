// The admin protocol: one JSON object in one line asks, one JSON object in one line answers.
//
// {"command":"stats"}                          -> {"ok":true,"mount":{...},"metrics":{...}}
// {"command":"status"}                         -> {"ok":true,"mount":{...}}
// {"command":"explain","path":"/abs/path"}     -> {"ok":true,"facts":["name: value", ...]}
// {"command":"set","option":"x","value":"y"}   -> {"ok":true,"text":"..."}
// Errors: {"ok":false,"error":"..."}. Limits: requests of 64 KiB, answers of 16 MiB. Only the
// owner of the daemon may connect (socket mode 0600 in a private directory).
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ossfs2/status.h"

namespace ossfs2 {

inline constexpr size_t kAdminRequestBytesMax = 64u << 10;
inline constexpr size_t kAdminAnswerBytesMax = 16u << 20;

// What a daemon can do when asked. Called from several threads.
class AdminCommands {
 public:
  virtual ~AdminCommands() = default;
  virtual std::string MountJson() = 0;    // an object
  virtual std::string MetricsJson() = 0;  // an object
  virtual Result<std::vector<std::string>> Explain(const std::string& path) = 0;
  // What changed, for the terminal.
  virtual Result<std::string> Set(const std::string& option, const std::string& value) = 0;
};

// Any bytes in, one JSON object without newline out; never fails, never throws.
std::string AnswerAdminRequest(std::string_view line, AdminCommands& commands);

class SocketServer;
// Serves the protocol on a Unix socket until the result is destroyed; the path is removed with it.
class AdminServer {
 public:
  static Result<std::unique_ptr<AdminServer>> Start(const std::string& path, AdminCommands& commands);
  ~AdminServer();

 private:
  explicit AdminServer(std::string path);
  const std::string path_;
  std::unique_ptr<SocketServer> server_;
};

// explain may ask the bucket.
inline constexpr std::chrono::seconds kAdminAnswerLimit{65};
// The client's side: sends one request and gives the answer's text. Errors: no daemon there, no answer in
// time.
Result<std::string> AskDaemon(const std::string& socket_path, const std::string& request_json,
                              std::chrono::milliseconds answer_limit = kAdminAnswerLimit);

}  // namespace ossfs2
