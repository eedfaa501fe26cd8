#include "data/read/plan/prefetch_services.h"

#include <algorithm>

#include "data/read/plan/stream_window.h"

namespace ossfs2 {

PrefetchServices::PrefetchServices(MemoryPool& memory_pool, const ReadOptions& read_options)
    : pool(memory_pool),
      options(read_options),
      scheduler(read_options.concurrency, read_options.concurrency_per_file),
      filler(read_options.fill_threads),
      cpu_pressure(read_options.cpu_pressure_file),
      lead(read_options.fill_threads > 0 && read_options.prefetch_next_shard ? read_options.lead_bytes_max : 0,
           &ReadMetrics::Get().lead_bytes),
      metrics(ReadMetrics::Get()) {}

uint64_t PrefetchServices::PrefetchBytesMax() const {
  const uint64_t limit = pool.limit_bytes();
  const uint64_t by_memory = limit - std::clamp(options.cache_bytes, limit / 4, limit / 4 * 3);
  if (options.chunks_max <= 0) return by_memory;
  return std::min(by_memory, static_cast<uint64_t>(options.chunks_max) * options.chunk_bytes);
}

uint64_t PrefetchServices::StreamBudget() const {
  const int sharers = std::max(active_streams.load(std::memory_order_relaxed), 1);
  return std::max<uint64_t>(PrefetchBytesMax() / static_cast<uint64_t>(sharers), MemoryPool::kBlockBytes);
}

uint64_t PrefetchServices::PieceBytesOf(uint64_t window) const {
  const uint64_t pieces = NearServer() ? kNearPieces : static_cast<uint64_t>(scheduler.Limit());
  return PieceBytes(window, options.chunk_bytes, StreamBudget(), pieces);
}

uint64_t PrefetchServices::UsefulWindow() const {
  if (ReadFromCache()) return kHotWindowBytesMax;
  if (NearServer()) return kNearWindowBytesMax;
  // More than may be in flight would only wait in memory.
  return static_cast<uint64_t>(scheduler.Limit()) * options.chunk_bytes;
}

void PrefetchServices::OnGetDone(uint64_t bytes, int64_t started_ns, int64_t now_ns) {
  pace.OnGetDone(bytes, started_ns, now_ns);
  cpu_pressure.Sample(now_ns);
}

}  // namespace ossfs2
