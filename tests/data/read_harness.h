// ReadHarness: a MemoryStore with patterned objects, a pool and a read engine, and reads that check
// every byte. For the tests of the read engine.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <future>
#include <memory>
#include <string>

#include "data/memory/memory_pool.h"
#include "data/read/read_engine.h"
#include "data/read/shared/read_metrics.h"
#include "oss/fakes/fault_store.h"
#include "oss/fakes/memory_store.h"

namespace ossfs2 {

inline constexpr uint64_t kKiB = 1024;
inline constexpr uint64_t kMiB = 1024 * kKiB;

// Content that tells every offset apart: 8-byte words, each the next multiple of an odd number; a seed
// begins somewhere else among them. Made once and cut from.
inline std::string Pattern(uint64_t size, uint64_t seed) {
  static std::string master;
  const uint64_t start = seed % 4096 * 8;
  for (uint64_t position = master.size(); position < start + size; position += 8) {
    const uint64_t word = (position + 1) * 0x9E3779B97F4A7C15ull;
    master.append(reinterpret_cast<const char*>(&word), sizeof(word));
  }
  return master.substr(start, size);
}

class ReadHarness {
 public:
  explicit ReadHarness(uint64_t pool_bytes = 256 * kMiB, const ReadOptions& options = {})
      : store_(oss::MakeMemoryStore()), fault_(oss::MakeFaultStore(*store_)), pool_(pool_bytes) {
    engine_ = MakeReadEngine(*fault_, pool_, options);
  }
  ~ReadHarness() { store_->HoldData(false); }

  ObjectVersion Put(const std::string& key, uint64_t size, uint64_t seed = 1) {
    contents_[key] = Pattern(size, seed);
    store_->PutContent(key, contents_[key]);
    return Version(key);
  }
  ObjectVersion Version(const std::string& key) {
    const Result<ObjectInfo> info = store_->Head(key);
    EXPECT_TRUE(info.has_value());
    return {key, info->size, info->etag, info->crc64};
  }
  const std::string& content(const std::string& key) { return contents_[key]; }

  // One read that finishes, checked against the content.
  void Read(ReadFile& file, uint64_t handle, uint64_t offset, size_t size) {
    auto answer = Start(file, handle, offset, size);
    Check(file, offset, size, answer.get());
  }
  std::future<Result<ReadReply>> Start(ReadFile& file, uint64_t handle, uint64_t offset, size_t size) {
    auto promise = std::make_shared<std::promise<Result<ReadReply>>>();
    auto future = promise->get_future();
    file.Read(handle, offset, size, read_into,
              [promise](Result<ReadReply> reply) { promise->set_value(std::move(reply)); });
    return future;
  }
  void Check(ReadFile& file, uint64_t offset, size_t size, const Result<ReadReply>& reply) {
    ASSERT_TRUE(reply.has_value()) << reply.error().ToString();
    const std::string& expected = contents_[file.version().key];
    const uint64_t begin = std::min<uint64_t>(offset, expected.size());
    ASSERT_EQ(reply->bytes, std::min<uint64_t>(size, expected.size() - begin));
    uint64_t position = begin;
    for (const iovec& part : reply->parts) {
      ASSERT_EQ(std::memcmp(part.iov_base, expected.data() + position, part.iov_len), 0) << "at " << position;
      position += part.iov_len;
    }
    ASSERT_EQ(position - begin, reply->bytes);
  }
  void ReadRange(ReadFile& file, uint64_t handle, uint64_t begin, uint64_t end, size_t size) {
    for (uint64_t offset = begin; offset < end && !testing::Test::HasFatalFailure(); offset += size)
      Read(file, handle, offset, static_cast<size_t>(std::min<uint64_t>(size, end - offset)));
  }

  ReadInto read_into = ReadInto::kPageCache;  // of the reads from here on

  void ResetCounts() { asked_ = ReadMetrics::Get().get_bytes.Value(); }
  uint64_t Asked() const { return ReadMetrics::Get().get_bytes.Value() - asked_; }

  oss::MemoryStore& store() { return *store_; }
  oss::FaultStore& fault() { return *fault_; }
  MemoryPool& pool() { return pool_; }
  ReadEngine& engine() { return *engine_; }

 private:
  std::unique_ptr<oss::MemoryStore> store_;
  std::unique_ptr<oss::FaultStore> fault_;
  MemoryPool pool_;
  std::map<std::string, std::string> contents_;
  uint64_t asked_ = ReadMetrics::Get().get_bytes.Value();
  std::unique_ptr<ReadEngine> engine_;
};

}  // namespace ossfs2
