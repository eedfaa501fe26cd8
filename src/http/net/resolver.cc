#include "http/net/resolver.h"

#include <netdb.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <system_error>
#include <thread>
#include <unordered_map>

#include "base/threads/mutex.h"
#include "base/time/clock.h"
#include "base/values/str.h"

namespace ossfs2::http {
namespace {

using Addresses = Resolver::Addresses;
constexpr auto kStaleMax = std::chrono::hours(1);
constexpr size_t kRestingMax = 1024;

struct Waiter {
  uint16_t port = 0;
  Resolver::Callback callback;
};

struct Host {
  Addresses addresses;
  SteadyTime known_at;
  SteadyTime expires;
  SteadyTime asked_again;  // before it expired
  size_t turn = 0;
  bool asking = false;
  SteadyTime asking_since;
  std::vector<Waiter> waiters;

  // What is known may be old, and nothing newer comes.
  bool IsAskedInVain(SteadyTime now) const {
    return asking && now - asking_since >= Resolver::kPatience && now - known_at < kStaleMax;
  }
};

Result<Addresses> AskSystem(const std::string& host, int family, int flags) {
  addrinfo hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* list = nullptr;
  const int code = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (code != 0) {
    const char* const why = code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code);
    Error error = MakeError(EIO, ErrorKind::kUnavailable, why);
    error.retryable = true;
    return error;
  }
  Addresses out;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next)
    out.push_back(SocketAddress::FromSockaddr(entry->ai_addr, entry->ai_addrlen));
  freeaddrinfo(list);
  return out;
}

}  // namespace

struct Resolver::State {
  std::chrono::seconds ttl;
  Lookup lookup;
  Mutex mutex;
  std::unordered_map<std::string, Host> hosts GUARDED_BY(mutex);
  std::unordered_map<std::string, SteadyTime> resting GUARDED_BY(mutex);
  std::deque<std::string> to_ask GUARDED_BY(mutex);
  CondVar wake;
  size_t threads GUARDED_BY(mutex) = 0;   // that run: the last of them stays
  size_t starting GUARDED_BY(mutex) = 0;  // that may turn out not to be had
  size_t idle GUARDED_BY(mutex) = 0;  // of them
  bool ended GUARDED_BY(mutex) = false;

  Addresses Ordered(Host& host, uint16_t port) REQUIRES(mutex);
  bool IsResting(const SocketAddress& address, SteadyTime now) REQUIRES(mutex);
  bool AllRest(const Host& host, uint16_t port, SteadyTime now) REQUIRES(mutex);
  // Gives the name to a helper; true: the caller must start one.
  bool Ask(const std::string& name, Host& host) REQUIRES(mutex);
  void MakeRoom() REQUIRES(mutex);
  void OnAnswer(const std::string& name, Result<Addresses> answer) EXCLUDES(mutex);
  static void HelperMain(std::shared_ptr<State> state);
  static void StartHelper(const std::shared_ptr<State>& state);
  // The next name to look up; empty: the helper leaves.
  std::string NextName() EXCLUDES(mutex);
};

// Rotated inside the preferred family; the other family, then resting addresses, last.
Addresses Resolver::State::Ordered(Host& host, uint16_t port) {
  Addresses out = host.addresses;
  for (SocketAddress& address : out) address.SetPort(port);
  const int preferred = out.front().family();
  const auto others = std::stable_partition(
      out.begin(), out.end(), [preferred](const SocketAddress& address) { return address.family() == preferred; });
  const auto shift = static_cast<std::ptrdiff_t>(host.turn++ % static_cast<size_t>(others - out.begin()));
  std::rotate(out.begin(), out.begin() + shift, others);
  if (resting.empty()) return out;
  const auto now = Clock::Real().NowSteady();
  Addresses fresh;
  Addresses tired;
  for (const SocketAddress& address : out) (IsResting(address, now) ? tired : fresh).push_back(address);
  fresh.insert(fresh.end(), tired.begin(), tired.end());
  return fresh;
}

bool Resolver::State::IsResting(const SocketAddress& address, SteadyTime now) {
  const auto it = resting.find(address.ToString());
  return it != resting.end() && it->second > now;
}

bool Resolver::State::AllRest(const Host& host, uint16_t port, SteadyTime now) {
  if (resting.empty()) return false;
  for (SocketAddress address : host.addresses) {
    address.SetPort(port);
    if (!IsResting(address, now)) return false;
  }
  return true;
}

bool Resolver::State::Ask(const std::string& name, Host& host) {
  const auto now = Clock::Real().NowSteady();
  // A question to name servers that were silent may go on for long after they are back.
  if (host.asking && (now - host.asking_since < kAskOver || threads + starting >= kThreadsMax)) return false;
  host.asking = true;
  host.asking_since = now;
  to_ask.push_back(name);
  if (to_ask.size() <= idle) {
    wake.NotifyOne();
    return false;
  }
  if (threads + starting >= kThreadsMax) return false;
  ++starting;
  return true;
}

void Resolver::State::MakeRoom() {
  if (hosts.size() < kHostsMax) return;
  for (auto it = hosts.begin(); it != hosts.end();) it = it->second.asking ? std::next(it) : hosts.erase(it);
}

void Resolver::State::OnAnswer(const std::string& name, Result<Addresses> answer) {
  if (answer && answer->empty()) answer = MakeError(EIO, ErrorKind::kUnavailable, "the name has no address");
  std::vector<std::pair<Callback, Result<Addresses>>> calls;
  {
    MutexLock lock(mutex);
    Host& host = hosts[name];
    host.asking = false;
    const auto now = Clock::Real().NowSteady();
    const bool old_one_serves = !answer && !host.addresses.empty() && now - host.known_at < kStaleMax;
    if (answer) {
      host.addresses = *answer;
      host.known_at = now;
    }
    if (answer || old_one_serves) host.expires = now + ttl;
    for (Waiter& waiter : host.waiters) {
      Result<Addresses> result = answer;
      if (answer || old_one_serves) result = Ordered(host, waiter.port);
      calls.emplace_back(std::move(waiter.callback), std::move(result));
    }
    host.waiters.clear();
    if (!answer && !old_one_serves) hosts.erase(name);  // failures are not remembered
  }
  for (auto& [callback, result] : calls) callback(std::move(result));
}

void Resolver::State::HelperMain(std::shared_ptr<State> state) {
  {
    MutexLock lock(state->mutex);
    --state->starting;
    ++state->threads;
  }
  for (std::string name; !(name = state->NextName()).empty();) state->OnAnswer(name, state->lookup(name));
}

std::string Resolver::State::NextName() {
  MutexLock lock(mutex);
  while (to_ask.empty() && threads == 1 && !ended) {
    ++idle;
    wake.Wait(lock);
    --idle;
  }
  if (to_ask.empty()) {
    --threads;
    return "";
  }
  std::string name = std::move(to_ask.front());
  to_ask.pop_front();
  return name;
}

void Resolver::State::StartHelper(const std::shared_ptr<State>& state) {
  try {
    std::thread(HelperMain, state).detach();
    return;
  } catch (const std::system_error&) {  // the thread limit: other helpers must do
  }
  std::deque<std::string> nobodys;
  {
    MutexLock lock(state->mutex);
    if (--state->starting + state->threads == 0) nobodys.swap(state->to_ask);
  }
  Error error = MakeError(EAGAIN, ErrorKind::kNoSpace,
                          "no thread can be made for it; the limit of this user or container is reached "
                          "(ulimit -u, pids.max)");
  error.retryable = true;
  for (const std::string& name : nobodys) state->OnAnswer(name, error);
}

Resolver::Resolver(std::chrono::seconds ttl, Lookup lookup) : state_(std::make_shared<State>()) {
  state_->ttl = ttl;
  state_->lookup = std::move(lookup);
}

Resolver::~Resolver() {
  MutexLock lock(state_->mutex);
  state_->ended = true;
  state_->wake.NotifyAll();
}

void Resolver::Resolve(const std::string& host, uint16_t port, Callback callback) {
  if (const auto literal = SocketAddress::FromLiteral(host, port)) {
    callback(Addresses{*literal});
    return;
  }
  State& state = *state_;
  bool start_thread = false;
  Addresses known;
  {
    MutexLock lock(state.mutex);
    state.MakeRoom();
    Host& entry = state.hosts[host];
    const auto now = Clock::Real().NowSteady();
    if (!entry.addresses.empty() && (now < entry.expires + kServeOn || entry.IsAskedInVain(now))) {
      known = state.Ordered(entry, port);
      // Not waited for: name servers that are silent must not keep anybody from an address that works, or is back.
      if (now >= entry.expires) {
        start_thread = state.Ask(host, entry);
      } else if (now - entry.asked_again >= kAskAgain && state.AllRest(entry, port, now)) {
        entry.asked_again = now;
        start_thread = state.Ask(host, entry);
      }
    } else {
      entry.waiters.push_back({port, std::move(callback)});
      start_thread = state.Ask(host, entry);
    }
  }
  if (start_thread) State::StartHelper(state_);
  if (!known.empty()) callback(std::move(known));
}

void Resolver::Rest(const SocketAddress& address) {
  MutexLock lock(state_->mutex);
  const auto now = Clock::Real().NowSteady();
  auto& resting = state_->resting;
  if (resting.size() >= kRestingMax) std::erase_if(resting, [now](const auto& entry) { return entry.second <= now; });
  if (resting.size() < kRestingMax) resting[address.ToString()] = now + kRest;
}

Resolver::Lookup Resolver::SystemLookup(bool ipv6) {
  return [family = ipv6 ? AF_UNSPEC : AF_INET](const std::string& host) {
    auto answer = AskSystem(host, family, AI_ADDRCONFIG);
    // A host with loopback only has no "configured" family, yet may know the name.
    if (!answer) answer = AskSystem(host, family, 0);
    return answer;
  };
}

}  // namespace ossfs2::http
