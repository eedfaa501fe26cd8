#include "data/read/shared/read_metrics.h"

namespace ossfs2 {

ReadMetrics& ReadMetrics::Get() {
  static Registry& r = Registry::Default();
  static ReadMetrics metrics{
      r.counter("read_bytes_total", "Bytes delivered to readers"),
      r.counter("read_hits_total", "Reads answered at once from memory"),
      r.counter("read_waits_total", "Reads that waited for bytes already in flight"),
      r.counter("read_misses_total", "Reads that had to ask the store"),
      r.counter("read_errors_total", "Reads that failed"),
      r.counter("read_get_bytes_total", "Bytes asked of the store"),
      r.counter("read_gets_total", "GETs for reads and prefetch"),
      r.counter("prefetch_bytes_total", "Bytes asked of the store ahead of the readers"),
      r.counter("prefetch_wasted_bytes_total", "Prefetched bytes that left memory without being read"),
      r.counter("prefetch_canceled_total", "Prefetches canceled because nobody needed them"),
      r.counter("read_cache_hit_bytes_total", "Bytes delivered from data that was read before"),
      r.counter("read_cache_evicted_bytes_total", "Bytes that left the data cache"),
      r.counter("read_crc64_mismatches_total", "Objects whose CRC64 did not match what was read"),
      r.counter("read_crc64_verified_total", "Objects read whole whose CRC64 matched"),
      r.counter("read_whole_files_total", "Files recognised as being read whole by page faults"),
      r.counter("page_fill_bytes_total", "Bytes put into the kernel's page cache before they were read"),
      r.gauge("read_gets_in_flight", "GETs in flight for reads"),
      r.gauge("read_concurrency_limit", "GETs that prefetch may have in flight now"),
      r.gauge("read_window_bytes", "Sum of the windows of active streams"),
      r.gauge("read_streams", "Active sequential streams"),
      r.gauge("read_lead_bytes", "Bytes of the next shards fetched into the page cache before they were read"),
      r.histogram("read_wait_seconds", "Time that reads waited for the store"),
  };
  return metrics;
}

}  // namespace ossfs2
