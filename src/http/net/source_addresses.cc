#include "http/net/source_addresses.h"

#include <cerrno>

#include "base/values/str.h"

namespace ossfs2::http {

Status SourceAddresses::Set(const std::vector<std::string>& texts) {
  MutexLock lock(mutex_);
  entries_.clear();
  for (const std::string& text : texts) {
    const auto address = SocketAddress::FromLiteral(text, 0);
    if (!address)
      return MakeError(EINVAL, ErrorKind::kInvalid,
                       StrCat("source address '", text, "' is not an IP address; give one of this machine"));
    entries_.push_back({*address, address->ToString(), SteadyTime::min()});
  }
  return {};
}

bool SourceAddresses::empty() const { return size() == 0; }

size_t SourceAddresses::size() const {
  MutexLock lock(mutex_);
  return entries_.size();
}

std::optional<SocketAddress> SourceAddresses::Next(int family) {
  MutexLock lock(mutex_);
  const auto now = clock_.NowSteady();
  for (const bool even_resting : {false, true}) {
    for (size_t n = 0; n < entries_.size(); ++n) {
      const Entry& entry = entries_[turn_++ % entries_.size()];
      if (family != AF_UNSPEC && entry.address.family() != family) continue;
      if (even_resting || entry.rests_until <= now) return entry.address;
    }
  }
  return std::nullopt;
}

void SourceAddresses::Rest(const SocketAddress& address) {
  MutexLock lock(mutex_);
  const std::string text = address.ToString();
  for (Entry& entry : entries_)
    if (entry.text == text) entry.rests_until = clock_.NowSteady() + kRest;
}

}  // namespace ossfs2::http
