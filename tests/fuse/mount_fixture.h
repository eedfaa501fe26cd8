// FuseMountTest: a FakeFileSystem in a folder of its own, mounted by Enter and unmounted at the end of the test.
// Skips where there is no /dev/fuse.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "fuse/fuse_frontend.h"
#include "tests/fuse/fake_file_system.h"

namespace ossfs2 {

class FuseMountTest : public testing::Test {
 protected:
  static constexpr const char* kSource = "bucket, with comma";

  void SetUp() override {
    if (access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "no /dev/fuse here";
    char name[] = "/tmp/ossfs2-fuse-test-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
  }

  void TearDown() override {
    fake_.gate.Open();
    fake_.write_gate.Open();
    fake_.flush_gate.Open();
    fake_.keep_gate.Open();
    Leave();
    if (!folder_.empty()) rmdir(folder_.c_str());
  }

  void Enter() {
    FuseOptions options;
    options.mount_point = folder_;
    options.source = kSource;
    options.allow_other = false;
    executor_.emplace("test", threads_);
    writers_.emplace("test-write", threads_);
    frontend_ = MakeFuseFrontend(fake_, *executor_, *writers_, options);
    const Status mounted = frontend_->Mount();
    ASSERT_TRUE(mounted) << mounted.error().text;
    runner_ = std::thread([this] { run_status_ = frontend_->Run(); });
  }

  void Leave() {
    if (!frontend_) return;
    frontend_->Unmount();
    frontend_->Stop();
    runner_.join();
    Destroy();
  }

  // After Run has ended.
  void Destroy() {
    writers_->Shutdown();
    executor_->Shutdown();
    frontend_.reset();
  }

  std::string Path(const char* name) const { return folder_ + "/" + name; }

  static std::string ReadAll(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  size_t threads_ = 8;  // of each executor
  std::string folder_;
  FakeFileSystem fake_;
  std::optional<Executor> executor_{std::in_place, "test", 8};
  std::optional<Executor> writers_{std::in_place, "test-write", 8};
  std::unique_ptr<FuseFrontend> frontend_;
  std::thread runner_;
  Status run_status_;
};

}  // namespace ossfs2
