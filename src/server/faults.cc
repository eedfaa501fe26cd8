#include "server/faults.h"

#include <cerrno>
#include <cstdlib>

#include "base/values/str.h"
#include "base/values/text.h"

namespace ossfs2::server {
namespace {

constexpr std::pair<const char*, FaultKind> kKinds[] = {{"status", FaultKind::kStatus},
                                                        {"reset", FaultKind::kReset},
                                                        {"lost-answer", FaultKind::kLostAnswer},
                                                        {"short", FaultKind::kShort},
                                                        {"stall", FaultKind::kStall},
                                                        {"corrupt", FaultKind::kCorrupt},
                                                        {"html", FaultKind::kHtml},
                                                        {"no-range", FaultKind::kNoRange},
                                                        {"skew", FaultKind::kSkew},
                                                        {"expired-token", FaultKind::kExpiredToken},
                                                        {"wrong-crc", FaultKind::kWrongCrc},
                                                        {"wrong-etag", FaultKind::kWrongEtag},
                                                        {"bad-xml", FaultKind::kBadXml},
                                                        {"partial-delete", FaultKind::kPartialDelete},
                                                        {"delay", FaultKind::kDelay},
                                                        {"late-answer", FaultKind::kLateAnswer}};

Error Invalid(std::string text) { return MakeError(EINVAL, ErrorKind::kInvalid, std::move(text)); }

Result<Fault> ParseKind(const std::string& text) {
  const std::vector<std::string> fields = Split(text, ':');
  Fault fault;
  fault.name = text;
  bool known = false;
  for (const auto& [name, kind] : kKinds) {
    if (fields[0] != name) continue;
    fault.kind = kind;
    known = true;
  }
  if (!known) return Invalid(StrCat("unknown fault kind '", fields[0], "'; see --help"));
  if (fields.size() > 1) fault.number = std::atoi(fields[1].c_str());
  if (fields.size() > 2) fault.code = fields[2];
  if (fields.size() > 3) fault.retry_after_s = std::atoi(fields[3].c_str());
  if (fault.kind == FaultKind::kStatus) {
    if (fields.size() < 2) fault.number = 503;
    if (fault.number < 300 || fault.number > 599) return Invalid(StrCat("bad status in '", text, "'"));
    if (fault.code.empty()) fault.code = fault.number < 500 ? "InjectedFault" : "ServiceUnavailable";
  }
  if (fault.kind == FaultKind::kSkew && fields.size() < 2) fault.number = 3600;
  return fault;
}

Result<uint32_t> ParseOperations(const std::string& text) {
  uint32_t bits = 0;
  for (const std::string& word : Split(text, '|')) {
    size_t i = 0;
    while (i < kOperations && word != OperationName(static_cast<Operation>(i))) ++i;
    if (i == kOperations) return Invalid(StrCat("unknown operation '", word, "' in a fault"));
    bits |= 1u << i;
  }
  return bits;
}

Result<uint64_t> ParseCount(const std::string& text) {
  char* end = nullptr;
  const uint64_t value = std::strtoull(text.c_str(), &end, 10);
  if (text.empty() || *end != 0) return Invalid(StrCat("'", text, "' in a fault is no number"));
  return value;
}

Status SetField(FaultRule& rule, const std::string& name, const std::string& value, bool& has_kind) {
  if (name == "key") {
    rule.key = value;
  } else if (name == "op") {
    auto bits = ParseOperations(value);
    if (!bits) return bits.error();
    rule.operations = *bits;
  } else if (name == "kind") {
    auto fault = ParseKind(value);
    if (!fault) return fault.error();
    rule.fault = *fault;
    has_kind = true;
  } else if (name == "rate") {
    char* end = nullptr;
    rule.rate = std::strtod(value.c_str(), &end);
    if (value.empty() || *end != 0 || rule.rate < 0 || rule.rate > 1)
      return Invalid("the rate of a fault is 0 to 1");
  } else if (name == "after" || name == "count" || name == "seed") {
    auto number = ParseCount(value);
    if (!number) return number.error();
    (name == "after" ? rule.after : name == "count" ? rule.count : rule.seed) = *number;
  } else {
    return Invalid(
        StrCat("unknown field '", name, "' in a fault; known: op, key, kind, rate, after, count, seed"));
  }
  return {};
}

}  // namespace

Result<FaultRule> ParseFaultRule(std::string_view text) {
  FaultRule rule;
  bool has_kind = false;
  for (const std::string& field : Split(text, ',')) {
    const size_t equals = field.find('=');
    if (equals == std::string::npos) return Invalid(StrCat("'", field, "' in a fault is not name=value"));
    OSSFS2_RETURN_IF_ERROR(SetField(rule, field.substr(0, equals), field.substr(equals + 1), has_kind));
  }
  if (!has_kind) return Invalid(StrCat("the fault '", text, "' has no kind"));
  return rule;
}

Status Faults::Add(FaultRule rule) {
  MutexLock lock(mutex_);
  if (rules_.size() >= kFaultRulesMax) return Invalid("too many fault rules");
  std::mt19937_64 random(rule.seed);
  rules_.push_back({std::move(rule), random});
  return {};
}

void Faults::Clear() {
  MutexLock lock(mutex_);
  rules_.clear();
}

std::optional<Fault> Faults::Pick(Operation operation, std::string_view key) {
  MutexLock lock(mutex_);
  for (Armed& armed : rules_) {
    const FaultRule& rule = armed.rule;
    const uint32_t bit = 1u << static_cast<unsigned>(operation);
    if (rule.operations != 0 && (rule.operations & bit) == 0) continue;
    if (!rule.key.empty() && key.find(rule.key) == std::string_view::npos) continue;
    if (++armed.seen <= rule.after || armed.fired >= rule.count) continue;
    const double dice = static_cast<double>(armed.random() >> 11) * 0x1.0p-53;
    if (dice >= rule.rate) continue;
    ++armed.fired;
    return rule.fault;
  }
  return std::nullopt;
}

}  // namespace ossfs2::server
