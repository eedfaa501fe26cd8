// FakeDaemon: what commands find of a running mount: its record, its lock and its socket, in a runtime folder of the
// test.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "cli/admin/admin_protocol.h"
#include "cli/mounts/mount_registry.h"
#include "tests/cli/test_folder.h"

namespace ossfs2 {

class FakeDaemon {
 public:
  explicit FakeDaemon(AdminCommands& commands) {
    MountRecord record;
    record.pid = getpid();
    record.mount_point = mount_point();
    record.socket = folder_.path() + "/s";
    auto lock = MountLock::Acquire(record.mount_point);
    EXPECT_TRUE(lock) << lock.error().text;
    if (lock) lock_.emplace(std::move(*lock));
    EXPECT_TRUE(WriteMountRecord(record));
    auto server = AdminServer::Start(record.socket, commands);
    EXPECT_TRUE(server) << server.error().text;
    if (server) server_ = std::move(*server);
  }

  const TestFolder& folder() const { return folder_; }
  std::string mount_point() const { return folder_.path() + "/mnt"; }

 private:
  const TestFolder folder_;
  const ScopedVariable runtime_{"OSSFS2_RUNTIME_DIR", (folder_.path() + "/run").c_str()};
  std::optional<MountLock> lock_;
  std::unique_ptr<AdminServer> server_;
};

}  // namespace ossfs2
