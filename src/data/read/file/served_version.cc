#include "data/read/file/served_version.h"

#include <cerrno>

#include "base/values/str.h"

namespace ossfs2 {
namespace {

// Who looked a version up before it was replaced opens it within this time.
constexpr int64_t kLateOpenNs = 10'000'000'000;

}  // namespace

void ServedVersion::Add(const ObjectVersion& version) {
  versions_.push_back(version);
  ++generation_;
  deleted_.reset();
}

bool ServedVersion::Adopt(const ObjectVersion& version, bool replacing, int64_t now_ns) {
  if (stale_) return false;
  if (current().SameBytes(version)) {
    if (!replacing && current() != version) Add(version);
    deleted_.reset();  // whoever opens it has seen it
    return true;
  }
  if (!replaced_ || !replaced_->SameBytes(version)) return false;
  return replacing || (version.key == current().key && now_ns - replaced_ns_ <= kLateOpenNs);
}

bool ServedVersion::Rebind(const ObjectVersion& version, int64_t now_ns) {
  if (current() == version) return false;
  replaced_ = current();
  replaced_ns_ = now_ns;
  Add(version);
  return true;
}

bool ServedVersion::Retire(const ObjectVersion& version) {
  if (stale_ || current().SameBytes(version)) return false;
  stale_ = MakeError(ESTALE, ErrorKind::kVersionChanged,
                     StrCat(current().key, " was replaced by another host; open it again"));
  return true;
}

void ServedVersion::BecomeStale(const Error& error) {
  stale_ = error;
  stale_->errno_value = ESTALE;
}

ServedVersion::Verdict ServedVersion::OnFailedGet(uint64_t generation, const Error& error, bool replacing) {
  const bool changed = error.kind == ErrorKind::kVersionChanged;
  if (!changed && error.kind != ErrorKind::kNotFound) return Verdict::kNothing;
  if (generation != generation_) return Verdict::kOutdated;
  if (replacing && !stale_) return Verdict::kReplacing;
  if (changed) return Verdict::kReplaced;
  if (stale_) return Verdict::kNothing;
  deleted_ = error;
  deleted_->errno_value = ESTALE;  // as of any file that is open; read(2) knows no ENOENT
  return Verdict::kDeleted;
}

}  // namespace ossfs2
