// Faults: rules that bend the answers to some requests, seeded, for tests. (--fault, POST /-/fault)
//
// A rule is "name=value,...":
//   op=get|head|...   operations as /-/stats names them, separated by '|'; without it: all
//   key=TEXT          only keys (or list prefixes) that contain the text
//   kind=KIND         see below
//   rate=0.1          the share of matching requests, 0..1 (1)
//   after=N           let the first N matching requests pass (0)
//   count=N           bend at most N requests (no limit)
//   seed=N            of the random numbers behind rate (1)
// Kinds:
//   status:CODE[:OssCode[:RETRY_AFTER_S]]  this error instead of the operation (503 without a code)
//   reset             the connection is reset, the operation not done
//   lost-answer       the operation is done, then the connection is reset without an answer
//   short             half of the answer's body, then a close
//   stall             get: half of the body, then silence; others: not done, silence
//   corrupt           get: one byte of the body is flipped; uploads: one byte of what arrives
//   html              200 with an HTML page and without any mark of OSS; not done
//   no-range          get: the whole object with 200
//   skew[:SECONDS]    the server's clock is ahead by SECONDS (3600): RequestTimeTooSkewed, Date shifted
//   expired-token     403 SecurityTokenExpired
//   wrong-crc, wrong-etag   that header of the answer is wrong
//   bad-xml           the XML of the answer ends in the middle, with a fitting Content-Length
//   partial-delete    delete_many: every second key is neither deleted nor reported
//   delay:MS          the operation is done, and answered, MS milliseconds later
//   late-answer:MS    the operation is done at once, the answer comes MS milliseconds later
// The first rule that fires wins.
// Thread-safe. Errors: EINVAL for a text that is no rule, and for more than kFaultRulesMax of them.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/threads/mutex.h"
#include "ossfs2/status.h"
#include "server/exchange/exchange.h"

namespace ossfs2::server {

inline constexpr size_t kFaultRulesMax = 1000;

enum class FaultKind : uint8_t {
  kStatus,
  kReset,
  kLostAnswer,
  kShort,
  kStall,
  kCorrupt,
  kHtml,
  kNoRange,
  kSkew,
  kExpiredToken,
  kWrongCrc,
  kWrongEtag,
  kBadXml,
  kPartialDelete,
  kDelay,
  kLateAnswer,
};

struct Fault {
  FaultKind kind = FaultKind::kStatus;
  std::string name;  // as written
  int number = 0;    // status, seconds or milliseconds
  std::string code;
  int retry_after_s = -1;
};

struct FaultRule {
  uint32_t operations = 0;  // bits by Operation; 0: all
  std::string key;
  Fault fault;
  double rate = 1;
  uint64_t after = 0;
  uint64_t count = UINT64_MAX;
  uint64_t seed = 1;
};

Result<FaultRule> ParseFaultRule(std::string_view text);

class Faults {
 public:
  Status Add(FaultRule rule) EXCLUDES(mutex_);
  void Clear() EXCLUDES(mutex_);
  // The fault of this request; counts it in every rule that it matches up to the one that fires.
  std::optional<Fault> Pick(Operation operation, std::string_view key) EXCLUDES(mutex_);

 private:
  struct Armed {
    FaultRule rule;
    std::mt19937_64 random;
    uint64_t seen = 0;
    uint64_t fired = 0;
  };
  Mutex mutex_;
  std::vector<Armed> rules_ GUARDED_BY(mutex_);
};

}  // namespace ossfs2::server
