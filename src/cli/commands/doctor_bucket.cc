#include "cli/commands/doctor_bucket.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <future>
#include <random>

#include "base/values/random.h"
#include "base/values/size.h"
#include "base/values/str.h"
#include "cli/commands/service_time.h"
#include "cli/daemon/probe_advice.h"
#include "cli/settings/endpoint_parts.h"

namespace ossfs2 {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr uint64_t kScratchBytes = 8ull << 20;  // one part: what a transfer of models is made of
constexpr int kLatencyProbes = 5;
constexpr int64_t kSkewWarnSeconds = 60;

double SecondsSince(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

class BufferSink final : public DataSink {
 public:
  explicit BufferSink(size_t size) : data_(size) {}
  std::span<std::byte> NextBuffer() override { return std::span(data_).subspan(filled_); }
  void OnBytes(size_t size) override { filled_ += size; }
  const std::vector<std::byte>& data() const { return data_; }

 private:
  std::vector<std::byte> data_;
  size_t filled_ = 0;
};

Result<WriteResult> PutAndWait(ObjectStore& store, const std::string& key, std::span<const std::byte> data) {
  std::promise<Result<WriteResult>> promise;
  auto future = promise.get_future();
  UploadBody body;
  body.spans.push_back(data);
  const auto call = store.PutAsync(
      key, body, {}, [&promise](Result<WriteResult> result) { promise.set_value(std::move(result)); });
  return future.get();
}

Status GetAndWait(ObjectStore& store, const std::string& key, const std::shared_ptr<BufferSink>& sink) {
  std::promise<Status> promise;
  auto future = promise.get_future();
  const auto call = store.GetAsync({key, 0, sink->data().size(), ""}, sink,
                                   [&promise](Status status) { promise.set_value(std::move(status)); });
  return future.get();
}

// Random, so that no proxy or store can shrink it.
std::vector<std::byte> ScratchData() {
  std::vector<std::byte> data(kScratchBytes);
  std::mt19937_64 random(RandomSeed());
  for (size_t i = 0; i + 8 <= data.size(); i += 8) {
    const uint64_t value = random();
    memcpy(data.data() + i, &value, 8);
  }
  return data;
}

std::string Speed(uint64_t bytes, double seconds) {
  return StrCat(FormatSize(seconds <= 0 ? 0 : static_cast<uint64_t>(static_cast<double>(bytes) / seconds)),
                "/s");
}

// The part of an advised error that tells what to do; the rest is shown beside it.
std::string NextStep(const Error& advised) {
  const size_t next = advised.text.find("Next: ");
  if (next != std::string::npos) return advised.text.substr(next + 6);
  return advised.text.substr(0, advised.text.find(" ["));
}

// The same without that part.
std::string Cause(const Error& error) {
  Error cause = error;
  cause.text = cause.text.substr(0, cause.text.find(" Next: "));
  return cause.ToString();
}

}  // namespace

// Any answer at all shows that TLS works, and its Date tells the clock.
bool BucketDoctor::Service(const Show& show) {
  const EndpointParts parts = SplitEndpoint(settings_.oss.endpoint);
  const char* name = parts.tls ? "tls" : "http";
  const auto answer = AskService(stack_, settings_);
  if (!answer) {
    const Error advised = AdviseProbe(answer.error(), settings_);
    show({name, Verdict::kFail, Cause(answer.error()), NextStep(advised)});
    return false;
  }
  show({name, Verdict::kPass,
        parts.tls ? StrCat("chain and host name of ", parts.host, " are right")
                  : StrCat(parts.host, " answers (no TLS)"),
        ""});
  const auto date_s = TimeOf(*answer);
  if (!date_s) {
    show({"clock", Verdict::kWarn, "the service tells no time", ""});
    return true;
  }
  const int64_t skew = std::abs(*date_s - static_cast<int64_t>(time(nullptr)));
  const Verdict verdict = skew > kSkewWarnSeconds ? Verdict::kWarn : Verdict::kPass;
  show({"clock", verdict,
        StrCat("differs from the service's by ", skew, " s",
               verdict == Verdict::kPass ? "" : "; mounts work, since requests are signed with the service's time"),
        verdict == Verdict::kPass ? "" : "set the clock: timedatectl set-ntp true"});
  return true;
}

bool BucketDoctor::Credentials(const Show& show) {
  const auto keys = stack_.credentials->Current();
  if (!keys) {
    show({"credentials", Verdict::kFail, keys.error().ToString(),
          "give oss_access_key_id and _secret, credential_file, ram_role or the OSS_* variables (lost under "
          "sudo)"});
    return false;
  }
  show({"credentials", Verdict::kPass, stack_.credentials->Describe(), ""});
  return true;
}

bool BucketDoctor::List(const Show& show) {
  const std::string prefix = settings_.fs.prefix.empty() ? "" : settings_.fs.prefix + "/";
  std::vector<double> times;
  for (int i = 0; i < kLatencyProbes; ++i) {
    const auto started = SteadyClock::now();
    const Status probe = stack_.store->Probe(prefix, MountStack::kProbeDeadline);
    if (!probe) {
      const Error advised = AdviseProbe(probe.error(), settings_);
      show({"list", Verdict::kFail, Cause(probe.error()), NextStep(advised)});
      return false;
    }
    times.push_back(SecondsSince(started));
  }
  std::sort(times.begin(), times.end());
  show(
      {"list", Verdict::kPass, StrCat("signature and right to list are right for ", settings_.Source()), ""});
  const int64_t median_us = static_cast<int64_t>(times[times.size() / 2] * 1e6);
  show({"latency", median_us > 100'000 ? Verdict::kWarn : Verdict::kPass,
        StrCat("a list takes ", median_us / 1000, ".", median_us / 100 % 10, " ms (median of ",
               kLatencyProbes, ")"),
        median_us > 100'000 ? "use the internal endpoint of the same region" : ""});
  return true;
}

// A misspelt prefix is a new, empty one.
void BucketDoctor::Prefix(const Show& show) {
  if (settings_.fs.prefix.empty()) return;
  ListRequest request;
  request.prefix = settings_.fs.prefix + "/";
  request.max_keys = 1;
  const auto page = stack_.store->List(request);
  if (!page || !page->entries.empty()) return;  // the probe before has told of what fails
  show({"prefix", Verdict::kWarn, StrCat("nothing is stored below ", request.prefix),
        "check oss_bucket_prefix, if something should be there"});
}

void BucketDoctor::Versioning(const Show& show, const std::string& scratch_key) {
  const auto head = stack_.store->Head(scratch_key);
  if (!head) return;  // what GET said of it says enough
  const bool off = head->version_id.empty();
  show({"versioning", off ? Verdict::kPass : Verdict::kWarn,
        off ? "the bucket keeps no old versions"
            : "the bucket keeps old versions: O_EXCL, mkdir and RENAME_NOREPLACE are not exclusive between hosts, and "
              "what is replaced or deleted goes on costing storage",
        off ? "" : "a lifecycle rule that expires noncurrent versions; see docs/known-issues.md"});
}

void BucketDoctor::Scratch(const Show& show) {
  if (settings_.fs.read_only) {
    show({"write", Verdict::kPass, "not tried: ro is set", ""});
    return;
  }
  const std::string key = StrCat(settings_.fs.prefix, settings_.fs.prefix.empty() ? "" : "/",
                                 ".ossfs2-check-", getpid(), "-", RandomSeed());
  const auto data = ScratchData();
  auto started = SteadyClock::now();
  const auto put = PutAndWait(*stack_.store, key, data);
  if (!put) {
    show({"put", put.error().kind == ErrorKind::kAccessDenied ? Verdict::kWarn : Verdict::kFail,
          Cause(put.error()), "give the key the right oss:PutObject, or mount with ro"});
    return;
  }
  show({"put", Verdict::kPass,
        StrCat(FormatSize(kScratchBytes), " up at ", Speed(kScratchBytes, SecondsSince(started)),
               " on one connection"),
        ""});
  const auto sink = std::make_shared<BufferSink>(kScratchBytes);
  started = SteadyClock::now();
  const Status got = GetAndWait(*stack_.store, key, sink);
  if (!got) {
    const bool denied = got.error().kind == ErrorKind::kAccessDenied;
    show({"get", Verdict::kFail, Cause(got.error()),
          denied ? "give the key the right oss:GetObject" : NextStep(AdviseProbe(got.error(), settings_))});
  } else if (!std::equal(data.begin(), data.end(), sink->data().begin())) {
    show({"get", Verdict::kFail, "the bytes read are not those written",
          "something on the way changes data; report it"});
  } else {
    show({"get", Verdict::kPass,
          StrCat(FormatSize(kScratchBytes), " down at ", Speed(kScratchBytes, SecondsSince(started)),
                 " on one connection"),
          ""});
  }
  Upload(show, key);
  Versioning(show, key);
  const Status deleted = stack_.store->Delete(key);
  show({"delete", deleted ? Verdict::kPass : Verdict::kWarn,
        deleted ? "scratch object removed" : Cause(deleted.error()),
        deleted ? "" : StrCat("give the key the right oss:DeleteObject; remove ", key, " yourself")});
}

// What ends an upload that a crash left: without these rights its parts stay, and are paid for.
void BucketDoctor::Upload(const Show& show, const std::string& key) {
  const auto id = stack_.store->InitiateUpload(key, {});
  if (!id) {
    show({"upload", Verdict::kFail, id.error().ToString(),
          "files over one part cannot be written; give the key the right oss:PutObject"});
    return;
  }
  std::string missing;
  std::string cause;
  const auto note = [&](const Status& done, const char* right) {
    if (done) return;
    missing += StrCat(missing.empty() ? "" : ", ", right);
    cause = Cause(done.error());
  };
  const auto listed = stack_.store->ListUploads(key);
  note(listed ? Status() : Status(tl::unexpected(listed.error())), "oss:ListMultipartUploads");
  const auto parts = stack_.store->ListParts(key, *id);
  note(parts ? Status() : Status(tl::unexpected(parts.error())), "oss:ListParts");
  const Status aborted = stack_.store->AbortUpload(key, *id);
  note(aborted, "oss:AbortMultipartUpload");
  if (missing.empty()) {
    show({"upload", Verdict::kPass, "an upload was opened, found and ended", ""});
    return;
  }
  show({"upload", Verdict::kWarn,
        StrCat(cause, aborted ? "" : StrCat("; the upload ", *id, " of ", key, " stays open")),
        StrCat("give the key the right ", missing,
               ": uploads that a crash leaves cannot be ended without it",
               aborted ? "" : "; then `ossfs2 gc` ends this one too")});
}

void BucketDoctor::Examine(const Show& show) {
  // The scratch object is read at once, which one of an Archive class cannot be.
  Settings readable = settings_;
  readable.oss.storage_class = "Standard";
  auto stack = MakeStoreStack(readable);
  if (!stack) {
    show({"set-up", Verdict::kFail, stack.error().ToString(), "correct the option that is named"});
    return;
  }
  stack_ = std::move(*stack);
  if (!Service(show) || !Credentials(show) || !List(show)) return;
  Prefix(show);
  Scratch(show);
}

}  // namespace ossfs2
