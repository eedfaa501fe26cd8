// The read engine's counters and gauges, made once.
#pragma once

#include "base/report/metrics.h"

namespace ossfs2 {

struct ReadMetrics {
  Counter& bytes;
  Counter& hits;
  Counter& waits;    // joined a fetch in flight
  Counter& misses;   // made a GET
  Counter& errors;
  Counter& get_bytes;       // asked of the store, demand and prefetch
  Counter& gets;
  Counter& prefetch_bytes;  // asked of the store ahead of the readers
  Counter& prefetch_wasted_bytes;
  Counter& prefetch_canceled;
  Counter& cache_hit_bytes;
  Counter& cache_evicted_bytes;
  Counter& crc_mismatches;
  Counter& crc_verified;
  Counter& whole_files;
  Counter& page_fill_bytes;  // put into the page cache ahead of readers
  Gauge& in_flight;
  Gauge& concurrency_limit;
  Gauge& window_bytes;
  Gauge& streams;
  Gauge& lead_bytes;  // of ShardLead
  Histogram& wait_time;
  static ReadMetrics& Get();
};

}  // namespace ossfs2
