// `ossfs2 list [--json]`: the mounts of this host, with what the registry of this user knows of them.
#include <cstdio>
#include <ctime>
#include <future>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/values/str.h"
#include "base/values/text.h"
#include "cli/admin/stats_table.h"
#include "cli/app.h"
#include "cli/mounts/daemon_watch.h"
#include "cli/mounts/dead_mount.h"
#include "cli/mounts/mount_registry.h"
#include "fuse/session/mount_table.h"

namespace ossfs2 {
namespace {

struct Row {
  std::string mount_point;
  std::string source;
  pid_t pid = 0;
  int64_t uptime_s = 0;
  std::string state;
  std::string log;
};

const char* StateOf(const std::string& mount_point) {
  switch (HealthOf(mount_point)) {
    case MountHealth::kServed: return "mounted";
    case MountHealth::kDead: return "dead";
    case MountHealth::kHanging: break;
  }
  return "hanging";
}

const char* StateOf(const MountRecord& record) {
  if (record.socket.empty()) return StateOf(record.mount_point);
  return AskStatus(record).answered ? "mounted" : "hanging";
}

// A row, and what is asked for its state. All are asked at once: each that hangs takes 2 s.
struct Question {
  Row row;
  std::future<const char*> state;
};

std::vector<Row> Rows() {
  std::vector<Question> questions;
  const std::vector<MountRecord> records = ReadMountRecords();
  const auto from_record = [](const MountRecord& record, const char* state) {
    const int64_t uptime = record.started_s == 0 ? 0 : time(nullptr) - record.started_s;
    return Row{record.mount_point, record.source, record.pid, uptime, state, record.log};
  };
  for (const MountInfo& mount : ReadMountInfo()) {
    if (mount.type != "fuse.ossfs2") continue;
    bool known = false;
    for (const MountRecord& record : records) {
      if (record.mount_point != mount.mount_point) continue;
      questions.push_back(
          {from_record(record, ""), std::async(std::launch::async, [record] { return StateOf(record); })});
      known = true;
    }
    if (!known)
      questions.push_back({Row{mount.mount_point, mount.source, 0, 0, "", ""},
                           std::async(std::launch::async, [path = mount.mount_point] { return StateOf(path); })});
  }
  std::vector<Row> rows;
  for (Question& question : questions) {
    question.row.state = question.state.get();
    rows.push_back(std::move(question.row));
  }
  for (const MountRecord& record : records) {
    bool mounted = false;
    for (const Row& row : rows) mounted = mounted || row.pid == record.pid;
    if (!mounted) rows.push_back(from_record(record, "detached"));
  }
  return rows;
}

}  // namespace

int ListCommand(const Arguments& arguments) {
  bool as_json = false;
  for (const std::string& word : arguments) {
    if (word != "--json") return FailWith(kUsageStatus, "usage: ossfs2 list [--json]");
    as_json = true;
  }
  const std::vector<Row> rows = Rows();
  if (as_json) {
    nlohmann::json out = nlohmann::json::array();
    for (const Row& row : rows)
      out.push_back({{"mount_point", row.mount_point},
                     {"source", row.source},
                     {"pid", row.pid},
                     {"uptime_s", row.uptime_s},
                     {"state", row.state},
                     {"log", row.log}});
    puts(out.dump(1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    return 0;
  }
  if (rows.empty()) {
    puts("nothing is mounted");
    return 0;
  }
  size_t width = 11;
  for (const Row& row : rows) width = std::max(width, row.mount_point.size());
  const int column = static_cast<int>(width);
  printf("%-*s  %8s  %8s  %-8s  %s\n", column, "MOUNT POINT", "PID", "UP", "STATE", "SOURCE");
  for (const Row& row : rows)
    printf("%-*s  %8s  %8s  %-8s  %s\n", column, Printable(row.mount_point).c_str(),
           row.pid == 0 ? "-" : StrCat(row.pid).c_str(), row.pid == 0 ? "-" : UptimeText(row.uptime_s).c_str(),
           row.state.c_str(), Printable(row.source).c_str());
  return 0;
}

}  // namespace ossfs2
