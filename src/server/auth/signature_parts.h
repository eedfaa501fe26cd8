// What the checks of all kinds of signatures share. Pure functions, but for FindKey, which asks the key ring.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/exchange/service_error.h"
#include "server/storage/key_ring.h"

namespace ossfs2::server {

inline constexpr int64_t kClockWindowSeconds = 15 * 60;           // that a client's clock may be off
inline constexpr int64_t kPresignSecondsMax = 7 * 24 * 3600;  // that a signed URL may be good for

// Errors: an unknown id, an expired key, another token than the key's.
Reply<AccessKey> FindKey(const KeyRing& keys, std::string_view id, std::string_view token);
// RequestTimeTooSkewed when the request is from outside the window around `now_s`.
Reply<void> CheckClock(int64_t request_s, int64_t now_s);
// In a time that tells nothing of where they differ.
bool SameSignature(std::string_view a, std::string_view b);
// With what the server signed, so that the client's side can be compared with it.
Failure SignatureDoesNotMatch(std::string_view id, std::string_view provided, std::string_view string_to_sign,
                              std::string_view canonical_request);
Failure AccessDenied(std::string_view message);

// "a=1,b=2" or "a=1, b=2" -> the value of `name`; empty when absent.
std::string CredentialField(std::string_view text, std::string_view name);
// "a;b": the names; none when empty.
std::vector<std::string> SplitHeaderNames(std::string_view text);

}  // namespace ossfs2::server
