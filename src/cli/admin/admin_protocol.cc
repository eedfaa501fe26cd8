#include "cli/admin/admin_protocol.h"

#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/values/str.h"
#include "cli/admin/socket_server.h"

namespace ossfs2 {
namespace {

using nlohmann::json;

constexpr auto kIoLimit = std::chrono::seconds(5);
constexpr int kNestingMax = 8;

std::string Dump(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string Failure(const std::string& text) { return Dump({{"ok", false}, {"error", text}}); }

std::string TextOf(const json& request, const char* name) {
  const auto it = request.find(name);
  return it != request.end() && it->is_string() ? it->get<std::string>() : std::string();
}

// Deep nesting would make the parser recurse; a request has two levels.
bool NestingIsBounded(std::string_view text) {
  int depth = 0;
  for (const char c : text) {
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (depth > kNestingMax) return false;
  }
  return true;
}

std::string Answer(const json& request, AdminCommands& commands) {
  const std::string command = TextOf(request, "command");
  if (command == "status") return StrCat(R"({"ok":true,"mount":)", commands.MountJson(), "}");
  if (command == "stats")
    return StrCat(R"({"ok":true,"mount":)", commands.MountJson(), R"(,"metrics":)", commands.MetricsJson(),
                  "}");
  if (command == "explain") {
    const auto facts = commands.Explain(TextOf(request, "path"));
    return facts ? Dump({{"ok", true}, {"facts", *facts}}) : Failure(facts.error().ToString());
  }
  if (command == "set") {
    const auto text = commands.Set(TextOf(request, "option"), TextOf(request, "value"));
    return text ? Dump({{"ok", true}, {"text", *text}}) : Failure(text.error().ToString());
  }
  return Failure(StrCat("unknown command \"", std::string_view(command).substr(0, 64),
                        "\"; there are stats, status, explain and set"));
}

}  // namespace

std::string AnswerAdminRequest(std::string_view line, AdminCommands& commands) {
  if (line.size() > kAdminRequestBytesMax) return Failure("the request is longer than 64 KiB");
  if (!NestingIsBounded(line)) return Failure("the request is nested too deeply");
  const json request = json::parse(line.begin(), line.end(), nullptr, false);
  if (!request.is_object()) return Failure("the request is not a JSON object");
  std::string answer = Answer(request, commands);
  if (answer.size() > kAdminAnswerBytesMax) return Failure("the answer would be longer than 16 MiB");
  return answer;
}

AdminServer::AdminServer(std::string path) : path_(std::move(path)) {}

Result<std::unique_ptr<AdminServer>> AdminServer::Start(const std::string& path, AdminCommands& commands) {
  const auto fd = ListenUnix(path);
  if (!fd) return fd.error();
  std::unique_ptr<AdminServer> server(new AdminServer(path));
  server->server_ = std::make_unique<SocketServer>(*fd, "ossfs2-admin", [&commands](int connection) {
    const auto line = ReadUntil(connection, "\n", kAdminRequestBytesMax + 1, kIoLimit);
    if (!line) return;
    WriteAll(connection, AnswerAdminRequest(*line, commands) + "\n", kIoLimit);
  });
  return server;
}

AdminServer::~AdminServer() {
  server_.reset();
  unlink(path_.c_str());
}

Result<std::string> AskDaemon(const std::string& socket_path, const std::string& request_json,
                              std::chrono::milliseconds answer_limit) {
  const auto fd = ConnectUnix(socket_path);
  if (!fd) return fd.error();
  const auto begin = std::chrono::steady_clock::now();
  const bool sent = WriteAll(*fd, request_json + "\n", kIoLimit);
  const auto answer =
      sent ? ReadUntil(*fd, "\n", kAdminAnswerBytesMax, answer_limit) : std::optional<std::string>();
  close(*fd);
  const std::chrono::milliseconds limit = sent ? answer_limit : kIoLimit;
  if (!answer && std::chrono::steady_clock::now() < begin + limit)
    return MakeError(ECONNRESET, ErrorKind::kUnavailable,
                     StrCat("the daemon closed its socket ", socket_path,
                            " without an answer: it is ending, or has too many questions at once; try again"));
  if (!answer)
    return MakeError(ETIMEDOUT, ErrorKind::kUnavailable,
                     StrCat("the daemon does not answer on its socket ", socket_path, " within ",
                            std::chrono::duration_cast<std::chrono::seconds>(answer_limit).count(),
                            " s; it hangs or is stopped: look at its log, or end it (`ossfs2 list` has both)"));
  return *answer;
}

}  // namespace ossfs2
