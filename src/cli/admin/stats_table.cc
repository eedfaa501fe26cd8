#include "cli/admin/stats_table.h"

#include <cerrno>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "base/values/size.h"
#include "base/values/str.h"

namespace ossfs2 {
namespace {

using nlohmann::json;

// Number formats of a table.
std::string Decimal(double value, int digits) {
  char text[40];
  snprintf(text, sizeof(text), "%.*f", digits, value);
  return text;
}

std::string Rate(double bytes_per_s) {
  return StrCat(FormatSize(bytes_per_s <= 0 ? 0 : static_cast<uint64_t>(bytes_per_s)), "/s");
}

std::string Seconds(double value) {
  if (value <= 0) return "-";
  if (value < 0.001) return StrCat(Decimal(value * 1e6, 0), " us");
  if (value < 1) return StrCat(Decimal(value * 1e3, value < 0.01 ? 2 : 1), " ms");
  return StrCat(Decimal(value, 2), " s");
}

// The metrics of one answer and of an earlier one.
class Samples {
 public:
  Samples(const json& now, const json* before, double interval_s)
      : now_(now), before_(before), interval_s_(interval_s) {}

  double Value(const std::string& name) const { return Number(now_, name); }
  // Growth a second.
  double PerSecond(const std::string& name) const {
    const double earlier = before_ == nullptr ? 0 : Number(*before_, name);
    return interval_s_ <= 0 ? 0 : (Value(name) - earlier) / interval_s_;
  }
  double Growth(const std::string& name) const {
    return Value(name) - (before_ == nullptr ? 0 : Number(*before_, name));
  }
  // Sum over all labels of a name.
  double Sum(const std::string& name) const {
    double sum = Value(name);
    for (const auto& [label, value] : Labelled(name)) sum += value;
    return sum;
  }
  // label text -> value, for "name{label}".
  std::map<std::string, double> Labelled(const std::string& name) const {
    std::map<std::string, double> values;
    const std::string start = name + "{";
    for (const auto& [key, value] : now_.items())
      if (key.rfind(start, 0) == 0 && value.is_number())
        values[key.substr(start.size(), key.size() - start.size() - 1)] = value.get<double>();
    return values;
  }
  bool Has(const std::string& name) const { return now_.contains(name); }
  const json& all() const { return now_; }

 private:
  static double Number(const json& object, const std::string& name) {
    const auto it = object.find(name);
    return it != object.end() && it->is_number() ? it->get<double>() : 0;
  }
  const json& now_;
  const json* before_;
  const double interval_s_;
};

std::string Text(const json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

uint64_t Count(const json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_number_unsigned() ? it->get<uint64_t>() : 0;
}

std::string Line(std::string_view label, std::string_view text) {
  std::string out(label);
  out.resize(std::max<size_t>(14, out.size() + 1), ' ');
  return StrCat(out, text, "\n");
}

std::string Head(const json& mount) {
  return StrCat(Line("mount", StrCat(Text(mount, "source"), " on ", Text(mount, "mount_point"), ", pid ",
                                     Count(mount, "pid"), ", up ",
                                     UptimeText(static_cast<int64_t>(Count(mount, "uptime_s"))), ", ",
                                     Text(mount, "state"))),
                Line("credentials", Text(mount, "credentials")));
}

std::string Speed(const Samples& s) {
  return StrCat(
      Line("programs",
           StrCat("read ", Rate(s.PerSecond("fuse_read_bytes_total")), " (",
                  Decimal(s.PerSecond("fuse_read_requests_total"), 0), " requests/s), write ",
                  Rate(s.PerSecond("fuse_write_bytes_total")), ", in all read ",
                  FormatSize(static_cast<uint64_t>(s.Value("fuse_read_bytes_total"))), ", written ",
                  FormatSize(static_cast<uint64_t>(s.Value("fuse_write_bytes_total"))))),
      Line("network", StrCat("down ", Rate(s.PerSecond("bytes_received_total")), ", up ",
                             Rate(s.PerSecond("bytes_sent_total")), ", in all down ",
                             FormatSize(static_cast<uint64_t>(s.Value("bytes_received_total"))), ", up ",
                             FormatSize(static_cast<uint64_t>(s.Value("bytes_sent_total"))))));
}

std::string Hits(const Samples& s) {
  const double hits = s.Growth("read_hits_total");
  const double waits = s.Growth("read_waits_total");
  const double misses = s.Growth("read_misses_total");
  const double reads = hits + waits + misses;
  const auto share = [reads](double part) {
    return StrCat(Decimal(reads > 0 ? part * 100 / reads : 0, 1), " %");
  };
  return StrCat(
      Line("reads", StrCat("from memory ", share(hits), ", in flight already ", share(waits), ", asked ",
                           share(misses))),
      Line("prefetch", StrCat(Decimal(s.Value("read_streams"), 0), " streams, window ",
                              FormatSize(static_cast<uint64_t>(s.Value("read_window_bytes"))), ", limit ",
                              Decimal(s.Value("read_concurrency_limit"), 0), " GETs, unused ",
                              FormatSize(static_cast<uint64_t>(s.Value("prefetch_wasted_bytes_total"))))));
}

std::string Memory(const json& mount, const Samples& s) {
  std::string text;
  const auto memory = mount.find("memory");
  if (memory != mount.end() && memory->is_object()) {
    for (const auto& [tag, bytes] : memory->items())
      if (bytes.is_number_unsigned())
        text += StrCat(text.empty() ? "" : ", ", tag, " ", FormatSize(bytes.get<uint64_t>()));
  }
  text += StrCat("; ", FormatSize(Count(mount, "memory_pool_bytes")), " at most");
  return StrCat(Line("memory", text),
                Line("names", StrCat(FormatSize(static_cast<uint64_t>(s.Value("metadata_bytes"))), " in ",
                                     Decimal(s.Value("metadata_inodes"), 0), " inodes")));
}

std::string InFlight(const json& mount, const Samples& s) {
  return Line("in flight", StrCat(Decimal(s.Value("read_gets_in_flight"), 0), " GETs, ",
                                  Decimal(s.Value("uploads_in_flight"), 0), " uploads, ",
                                  Decimal(s.Value("fuse_reads_in_flight"), 0), " reads waiting, unsaved ",
                                  FormatSize(Count(mount, "unpublished_bytes")), ", staged ",
                                  FormatSize(static_cast<uint64_t>(s.Value("staging_bytes")))));
}

// What is between the quotes of `code="SlowDown"`.
std::string CodeOf(const std::string& label) {
  const size_t open = label.find('"');
  const size_t end = label.rfind('"');
  return open < end ? label.substr(open + 1, end - open - 1) : label;
}

std::string Trouble(const Samples& s) {
  std::string errors;
  for (const auto& [label, value] : s.Labelled("errors_total")) {
    const std::string code = CodeOf(label);
    // Every new file is looked up first, so that one says nothing.
    if (value > 0 && code != "NoSuchKey") errors += StrCat(errors.empty() ? "" : ", ", code, " ", Decimal(value, 0));
  }
  return Line("trouble",
              StrCat(Decimal(s.Sum("retries_total"), 0), " retries, ", Decimal(s.Value("hedges_total"), 0),
                     " second GETs, ", Decimal(s.Value("read_errors_total"), 0), " failed reads, ",
                     Decimal(s.Value("publish_errors_total"), 0), " failed closes and fsyncs",
                     errors.empty() ? "" : StrCat("; ", errors)));
}

// Every histogram that was observed at least once.
std::string Latencies(const Samples& s) {
  std::string out;
  for (const auto& [name, value] : s.all().items()) {
    if (!value.is_object() || Count(value, "count") == 0) continue;
    const auto quantile = [&v = value](const char* which) {
      const auto it = v.find(which);
      return Seconds(it != v.end() && it->is_number() ? it->template get<double>() : 0);
    };
    std::string label = name;
    label.resize(std::max<size_t>(44, label.size()), ' ');
    std::string p50 = quantile("p50_s");
    p50.resize(std::max<size_t>(10, p50.size()), ' ');
    std::string p99 = quantile("p99_s");
    p99.resize(std::max<size_t>(10, p99.size()), ' ');
    out += StrCat("  ", label, " ", p50, " ", p99, " ", Count(value, "count"), "\n");
  }
  if (out.empty()) return out;
  std::string head = "  latency";
  head.resize(46, ' ');
  return StrCat(head, " p50        p99        count\n", out);
}

}  // namespace

std::string UptimeText(int64_t seconds) {
  if (seconds >= 86400) return StrCat(seconds / 86400, "d", seconds % 86400 / 3600, "h");
  if (seconds >= 3600) return StrCat(seconds / 3600, "h", seconds % 3600 / 60, "m");
  if (seconds >= 60) return StrCat(seconds / 60, "m", seconds % 60, "s");
  return StrCat(seconds, "s");
}

Result<std::string> RenderStats(const std::string& now_json, const std::string& before_json,
                                double interval_s) {
  const json now = json::parse(now_json, nullptr, false);
  const auto invalid = [] {
    return MakeError(EPROTO, ErrorKind::kCorrupt, "the daemon's answer is not understood");
  };
  if (!now.is_object()) return invalid();
  if (const auto error = now.find("error"); error != now.end() && error->is_string())
    return MakeError(EIO, ErrorKind::kOther, error->get<std::string>());
  const auto mount = now.find("mount");
  const auto metrics = now.find("metrics");
  if (mount == now.end() || !mount->is_object() || metrics == now.end() || !metrics->is_object())
    return invalid();
  const json before = before_json.empty() ? json() : json::parse(before_json, nullptr, false);
  const bool rates = before.is_object() && before.contains("metrics") && before["metrics"].is_object();
  const double seconds = rates ? interval_s : static_cast<double>(Count(*mount, "uptime_s"));
  const Samples samples(*metrics, rates ? &before["metrics"] : nullptr, seconds);
  return StrCat(Head(*mount), Speed(samples), Hits(samples), Memory(*mount, samples),
                InFlight(*mount, samples), Trouble(samples), Latencies(samples));
}

}  // namespace ossfs2
