#include "data/incoming/waiting_writes.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "base/report/log.h"
#include "base/values/str.h"
#include "data/incoming/write_landing.h"

namespace ossfs2 {
namespace {

constexpr size_t kBlock = MemoryPool::kBlockBytes;

size_t BlocksOf(size_t bytes) { return (bytes + kBlock - 1) / kBlock; }

}  // namespace

// One write's bytes outside the pool.
class WaitingWrites::Away {
 public:
  Away(WaitingWrites& owner, std::span<const std::byte> bytes)
      : owner_(owner), file_(owner.file_), size_(bytes.size()) {
    const Result<size_t> put = file_.Put(bytes);
    if (put) {
      slot_ = *put;
      owner.on_disk_.Add();
    } else if (owner.TakeUncounted(size_)) {
      LogLimited(LogLevel::kWarning, StrCat("a write that waits stays in memory, beyond total_mem_limit: ",
                                            put.error().ToString()));
      memory_.assign(bytes.begin(), bytes.end());
    } else {
      refusal_ = NoPlace(put.error());
    }
  }
  ~Away() {
    if (slot_) file_.Free(*slot_);
    if (!memory_.empty()) owner_.GiveUncounted(size_);
  }
  Away(const Away&) = delete;
  Away& operator=(const Away&) = delete;

  size_t size() const { return size_; }
  // The bytes are nowhere.
  const std::optional<Error>& refusal() const { return refusal_; }
  Status Read(size_t at, std::span<std::byte> out) const {
    if (slot_) return file_.Read(*slot_, at, out);
    std::memcpy(out.data(), memory_.data() + at, out.size());
    return {};
  }

 private:
  static Error NoPlace(const Error& disk) {
    Error error = MakeError(ENOSPC, ErrorKind::kNoSpace,
                            StrCat("too many writes wait for memory, and the staging folder does not take what ",
                                   "they wrote: ", disk.text,
                                   ". Or write to fewer files at once, or raise total_mem_limit."));
    LogLimited(LogLevel::kError, error.text);
    return error;
  }

  WaitingWrites& owner_;
  WaitingFile& file_;
  const size_t size_;
  std::optional<size_t> slot_;
  std::vector<std::byte> memory_;
  std::optional<Error> refusal_;
};

WaitingWrites::WaitingWrites(MemoryPool& pool, StagingSpace& space, uint64_t uncounted_bytes_max)
    : pool_(pool), uncounted_bytes_max_(std::max(uncounted_bytes_max, pool.limit_bytes() / 8)), file_(space) {}

bool WaitingWrites::TakeUncounted(size_t bytes) {
  if (uncounted_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes > uncounted_bytes_max_) {
    uncounted_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
  }
  in_memory_.Add(static_cast<int64_t>(bytes));
  return true;
}

void WaitingWrites::GiveUncounted(size_t bytes) {
  uncounted_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  in_memory_.Add(-static_cast<int64_t>(bytes));
}

void WaitingWrites::Keep(std::span<const std::byte> bytes, std::function<void(FetchLanding)> may_run) {
  const size_t count = BlocksOf(bytes.size());
  if (std::vector<BlockRef> blocks = pool_.TryAllocate(MemoryTag::kParked, count); blocks.size() == count) {
    std::shared_ptr<WriteLanding> landing = WriteLanding::Of(pool_, std::move(blocks));
    for (size_t at = 0; at < bytes.size(); at += kBlock)
      std::memcpy(landing->Piece(at / kBlock).data(), bytes.data() + at, std::min(kBlock, bytes.size() - at));
    return may_run([landing = std::move(landing)]() -> Result<std::shared_ptr<Landing>> { return landing; });
  }
  auto away = std::make_shared<Away>(*this, bytes);
  if (away->refusal())
    return may_run([away]() -> Result<std::shared_ptr<Landing>> { return *away->refusal(); });
  pool_.AllocateAsync(MemoryTag::kParked, count, [this, away, may_run](std::vector<BlockRef> blocks) {
    std::shared_ptr<WriteLanding> landing;
    if (!blocks.empty()) landing = WriteLanding::Of(pool_, std::move(blocks));
    may_run([landing, away]() -> Result<std::shared_ptr<Landing>> {
      if (!landing) return MakeError(EIO, ErrorKind::kCanceled, "the file system was shut down");
      for (size_t at = 0; at < away->size(); at += kBlock)
        OSSFS2_RETURN_IF_ERROR(
            away->Read(at, landing->Piece(at / kBlock).first(std::min(kBlock, away->size() - at))));
      return landing;
    });
  });
}

}  // namespace ossfs2
