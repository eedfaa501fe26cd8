// A write engine over a MemoryStore with small parts, and helpers for contents.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>
#include <string>

#include "data/write/write_engine.h"
#include "oss/fakes/fault_store.h"
#include "oss/fakes/memory_store.h"
#include "tests/support/seed.h"
#include "tests/support/temp_folder.h"

namespace ossfs2 {

constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = 1024 * kKiB;

inline std::span<const std::byte> Bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

inline std::string Random(size_t size, uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::string out(size, '\0');
  for (size_t i = 0; i < size; i += 8) {
    const uint64_t value = generator();
    std::memcpy(out.data() + i, &value, std::min<size_t>(8, size - i));
  }
  return out;
}

using test::TempFolder;
using test::TestSeed;

// One engine; `Restart` makes another over the same bucket.
class WriteFixture : public ::testing::Test {
 protected:
  static constexpr uint64_t kPart = 256 * kKiB;

  WriteFixture() : store_(oss::MakeMemoryStore()), faults_(oss::MakeFaultStore(*store_)) {
    options_.part_bytes = kPart;
    options_.staging_dir = folder_.path() + "/staging";
    options_.staging_free_bytes_min = 0;
    options_.journal_dir = folder_.path() + "/journal";
  }

  WriteEngine& Engine() {
    if (!engine_) engine_ = MakeWriteEngine(*faults_, *pool_, options_);
    return *engine_;
  }

  std::shared_ptr<WriteFile> NewFile(const std::string& key = "file", bool exclusive = false) {
    WriteTarget target;
    target.file_id = ++next_id_;
    target.base.key = key;
    target.exclusive = exclusive;
    return Engine().Open(target);
  }

  std::shared_ptr<WriteFile> OpenFile(const std::string& key = "file") {
    const Result<ObjectInfo> info = store_->Head(key);
    EXPECT_TRUE(info);
    WriteTarget target;
    target.file_id = ++next_id_;
    target.base = {key, info->size, info->etag, info->crc64};
    target.exists = true;
    return Engine().Open(target);
  }

  // As a frontend writes: without waiting if possible.
  static Status WriteAt(WriteFile& file, uint64_t offset, std::string_view data,
                        WritePlace place = WritePlace::kOffset) {
    Result<bool> taken = file.TryWrite(offset, Bytes(data), place);
    if (!taken) return taken.error();
    if (*taken) return {};
    return file.Write(offset, Bytes(data), place);
  }
  static void MustWrite(WriteFile& file, uint64_t offset, std::string_view data) {
    const Status status = WriteAt(file, offset, data);
    ASSERT_TRUE(status) << status.error().ToString();
  }
  static void WriteInOrder(WriteFile& file, std::string_view data, size_t step, uint64_t from = 0) {
    for (size_t at = 0; at < data.size(); at += step)
      MustWrite(file, from + at, data.substr(at, step));
  }
  static void MustPublish(WriteFile& file) {
    const Result<Published> published = file.Publish({});
    ASSERT_TRUE(published) << published.error().ToString();
  }
  static std::string ReadAll(WriteFile& file) {
    std::string out(file.size(), '\0');
    const Result<size_t> got = file.Read(0, {reinterpret_cast<std::byte*>(out.data()), out.size()});
    EXPECT_TRUE(got) << got.error().ToString();
    return out;
  }
  void ExpectContent(const std::string& key, const std::string& wanted) {
    const std::optional<std::string> content = store_->Content(key);
    ASSERT_TRUE(content) << key << " is missing";
    ASSERT_EQ(content->size(), wanted.size());
    EXPECT_TRUE(*content == wanted) << key << " differs";  // not printed: it is long
  }
  uint64_t Count(const std::string& request) {
    const auto requests = store_->Requests();
    const auto found = requests.find(request);
    return found == requests.end() ? 0 : found->second;
  }
  void Fail(const std::string& operation, int errno_value, ErrorKind kind, int skip = 0, int count = 1,
            bool after = false) {
    oss::FaultRule rule;
    rule.operation = operation;
    rule.skip = skip;
    rule.count = count;
    rule.error = MakeError(errno_value, kind, "injected");
    if (kind == ErrorKind::kAccessDenied) rule.error.http_status = 403;
    rule.after_effect = after;
    faults_->AddRule(rule);
  }
  // What NameLoss::park does.
  static Result<ObjectVersion> CopyTo(ObjectStore& store, const ObjectVersion& from, const std::string& to) {
    CopyRequest request;
    request.source_key = from.key;
    request.source_etag = from.etag;
    request.target_key = to;
    Result<WriteResult> copied = store.Copy(request);
    if (!copied) return copied.error();
    return ObjectVersion{to, from.size, copied->etag, copied->crc64};
  }
  size_t RecordsOnDisk() const {
    size_t count = 0;
    for (const auto& item : std::filesystem::recursive_directory_iterator(options_.journal_dir))
      count += item.path().extension() == ".record";
    return count;
  }
  void SetPool(uint64_t bytes) {
    engine_.reset();
    pool_ = std::make_unique<MemoryPool>(bytes);
  }

  TempFolder folder_;
  std::unique_ptr<oss::MemoryStore> store_;
  std::unique_ptr<oss::FaultStore> faults_;
  std::unique_ptr<MemoryPool> pool_ = std::make_unique<MemoryPool>(256 * kMiB);
  UploadOptions options_;
  std::unique_ptr<WriteEngine> engine_;
  uint64_t next_id_ = 0;
};

}  // namespace ossfs2
