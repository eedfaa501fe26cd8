#include "base/report/metrics.h"

#include <bit>
#include <cstdio>

#include "base/values/str.h"

namespace ossfs2 {
namespace {

std::string Number(double value) {
  char text[40];
  snprintf(text, sizeof(text), "%.9g", value);
  return text;
}

std::string WithLabels(const std::string& name, const std::string& labels, const std::string& more = "") {
  if (labels.empty() && more.empty()) return name;
  return StrCat(name, "{", labels, labels.empty() || more.empty() ? "" : ",", more, "}");
}

std::string JsonKey(const std::string& name, const std::string& labels) {
  std::string out = "\"";
  for (const char c : WithLabels(name, labels)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\":";
}

}  // namespace

void Histogram::Observe(std::chrono::nanoseconds duration) {
  const uint64_t us = duration.count() <= 0 ? 0 : static_cast<uint64_t>(duration.count()) / 1000;
  const size_t bucket = std::min<size_t>(static_cast<size_t>(std::bit_width(us)), kBuckets - 1);
  buckets_[bucket].fetch_add(1, std::memory_order_relaxed);
  if (duration.count() > 0) sum_ns_.fetch_add(static_cast<uint64_t>(duration.count()), std::memory_order_relaxed);
}

uint64_t Histogram::Count() const {
  uint64_t count = 0;
  for (const auto& bucket : buckets_) count += bucket.load(std::memory_order_relaxed);
  return count;
}

double Histogram::BucketLimitSeconds(size_t bucket) { return static_cast<double>(1ull << bucket) / 1e6; }

double Histogram::QuantileSeconds(double q) const {
  const uint64_t count = Count();
  if (count == 0) return 0;
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += BucketCount(bucket);
    if (seen > 0 && static_cast<double>(seen) >= q * static_cast<double>(count)) return BucketLimitSeconds(bucket);
  }
  return BucketLimitSeconds(kBuckets - 1);
}

Registry& Registry::Default() {
  static Registry* registry = new Registry;
  return *registry;
}

Registry::Family& Registry::GetFamily(std::string_view name, std::string_view help, char type) {
  auto it = families_.find(name);
  if (it == families_.end()) {
    it = families_.emplace(std::string(name), Family{}).first;
    it->second.help = help;
    it->second.type = type;
  }
  return it->second;
}

Counter& Registry::counter(std::string_view name, std::string_view help, std::string_view labels) {
  MutexLock lock(mutex_);
  auto& slot = GetFamily(name, help, 'c').counters[std::string(labels)];
  if (!slot) slot = std::make_unique<Counter>();
  return *slot;
}

Gauge& Registry::gauge(std::string_view name, std::string_view help, std::string_view labels) {
  MutexLock lock(mutex_);
  auto& slot = GetFamily(name, help, 'g').gauges[std::string(labels)];
  if (!slot) slot = std::make_unique<Gauge>();
  return *slot;
}

Histogram& Registry::histogram(std::string_view name, std::string_view help, std::string_view labels) {
  MutexLock lock(mutex_);
  auto& slot = GetFamily(name, help, 'h').histograms[std::string(labels)];
  if (!slot) slot = std::make_unique<Histogram>();
  return *slot;
}

std::string Registry::PrometheusText() const {
  MutexLock lock(mutex_);
  std::string out;
  for (const auto& [short_name, family] : families_) {
    const std::string name = "ossfs2_" + short_name;
    out += StrCat("# HELP ", name, " ", family.help, "\n# TYPE ", name, " ",
                  family.type == 'c' ? "counter" : family.type == 'g' ? "gauge" : "histogram", "\n");
    for (const auto& [labels, counter] : family.counters)
      out += StrCat(WithLabels(name, labels), " ", counter->Value(), "\n");
    for (const auto& [labels, gauge] : family.gauges)
      out += StrCat(WithLabels(name, labels), " ", gauge->Value(), "\n");
    for (const auto& [labels, histogram] : family.histograms) {
      uint64_t seen = 0;
      for (size_t bucket = 0; bucket + 1 < Histogram::kBuckets; ++bucket) {
        seen += histogram->BucketCount(bucket);
        const std::string limit = StrCat("le=\"", Number(Histogram::BucketLimitSeconds(bucket)), "\"");
        out += StrCat(WithLabels(name + "_bucket", labels, limit), " ", seen, "\n");
      }
      out += StrCat(WithLabels(name + "_bucket", labels, "le=\"+Inf\""), " ", histogram->Count(), "\n");
      out += StrCat(WithLabels(name + "_sum", labels), " ", Number(histogram->SumSeconds()), "\n");
      out += StrCat(WithLabels(name + "_count", labels), " ", histogram->Count(), "\n");
    }
  }
  return out;
}

std::string Registry::JsonText() const {
  MutexLock lock(mutex_);
  std::string out = "{";
  const auto begin = [&out](const std::string& name, const std::string& labels) {
    if (out.size() > 1) out += ",";
    out += JsonKey(name, labels);
  };
  for (const auto& [name, family] : families_) {
    for (const auto& [labels, counter] : family.counters) {
      begin(name, labels);
      out += StrCat(counter->Value());
    }
    for (const auto& [labels, gauge] : family.gauges) {
      begin(name, labels);
      out += StrCat(gauge->Value());
    }
    for (const auto& [labels, histogram] : family.histograms) {
      begin(name, labels);
      out += StrCat("{\"count\":", histogram->Count(), ",\"sum_s\":", Number(histogram->SumSeconds()),
                    ",\"p50_s\":", Number(histogram->QuantileSeconds(0.5)),
                    ",\"p90_s\":", Number(histogram->QuantileSeconds(0.9)),
                    ",\"p99_s\":", Number(histogram->QuantileSeconds(0.99)), "}");
    }
  }
  return out + "}";
}

}  // namespace ossfs2
