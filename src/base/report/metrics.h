// Metrics: counters, gauges and latency histograms with names, for `ossfs2 stats`
// and the Prometheus endpoint.
//
// Registry::Default().counter("name", "help") returns a reference that lives for
// ever; keep it in a static or a member, not in a loop. Adding is one relaxed
// atomic. Names are snake_case without the ossfs2_ prefix; units are suffixes.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/threads/mutex.h"

namespace ossfs2 {

class Counter {
 public:
  void Add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  uint64_t Value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class Gauge {
 public:
  void Add(int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  void Set(int64_t n) { value_.store(n, std::memory_order_relaxed); }
  int64_t Value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// Buckets of powers of two from 1 µs to about 137 s.
class Histogram {
 public:
  static constexpr size_t kBuckets = 28;
  void Observe(std::chrono::nanoseconds duration);
  uint64_t Count() const;
  double SumSeconds() const { return static_cast<double>(sum_ns_.load(std::memory_order_relaxed)) / 1e9; }
  uint64_t BucketCount(size_t bucket) const { return buckets_[bucket].load(std::memory_order_relaxed); }
  static double BucketLimitSeconds(size_t bucket);
  // The upper limit of the bucket that holds quantile q (0..1); 0 when empty.
  double QuantileSeconds(double q) const;

 private:
  std::array<std::atomic<uint64_t>, kBuckets> buckets_{};
  std::atomic<uint64_t> sum_ns_{0};
};

class Registry {
 public:
  static Registry& Default();
  // `labels` is "" or Prometheus text such as code="NoSuchKey" (the caller bounds their number).
  Counter& counter(std::string_view name, std::string_view help, std::string_view labels = "") EXCLUDES(mutex_);
  Gauge& gauge(std::string_view name, std::string_view help, std::string_view labels = "") EXCLUDES(mutex_);
  Histogram& histogram(std::string_view name, std::string_view help, std::string_view labels = "") EXCLUDES(mutex_);

  // Prometheus text exposition, format 0.0.4, names with the ossfs2_ prefix.
  std::string PrometheusText() const EXCLUDES(mutex_);
  // {"name": value, "name{labels}": value, "hist": {"count":…, "sum_s":…, "p50_s":…, "p99_s":…}}
  std::string JsonText() const EXCLUDES(mutex_);

 private:
  struct Family {
    std::string help;
    char type = 'c';  // c, g or h
    std::map<std::string, std::unique_ptr<Counter>> counters;
    std::map<std::string, std::unique_ptr<Gauge>> gauges;
    std::map<std::string, std::unique_ptr<Histogram>> histograms;
  };
  Family& GetFamily(std::string_view name, std::string_view help, char type) REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::map<std::string, Family, std::less<>> families_ GUARDED_BY(mutex_);
};

}  // namespace ossfs2
