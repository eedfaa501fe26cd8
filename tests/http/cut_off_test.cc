// What is silent on the way: name servers.
#include <future>

#include "http/net/resolver.h"
#include "tests/http/client_fixture.h"

namespace ossfs2::http {
namespace {

std::string FirstAddressOf(Resolver& resolver) {
  std::promise<std::string> first;
  resolver.Resolve("silent.test", 80, [&](Result<Resolver::Addresses> addresses) {
    first.set_value(addresses ? addresses->front().ToString() : addresses.error().text);
  });
  return first.get_future().get();
}

TEST(Resolver, NameServersThatAreSilentHoldUpNobodyWhoUsesTheName) {
  const auto lookups = std::make_shared<std::atomic<int>>(0);  // the last one may outlive the test
  std::promise<void> over;
  auto released = over.get_future().share();
  Resolver resolver(std::chrono::seconds(0), [lookups, released](const std::string&) -> Result<Resolver::Addresses> {
    const bool is_first = ++*lookups == 1;
    if (!is_first) released.wait();
    return Resolver::Addresses{*SocketAddress::FromLiteral(is_first ? "127.0.0.8" : "127.0.0.9", 0)};
  });
  EXPECT_EQ(FirstAddressOf(resolver), "127.0.0.8:80");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(FirstAddressOf(resolver), "127.0.0.8:80");
  over.set_value();
  while (FirstAddressOf(resolver) != "127.0.0.9:80") std::this_thread::yield();
}

// getaddrinfo waits 20 s for the answer that got lost.
TEST(Resolver, ServersThatAreBackAreAskedBesideTheQuestionThatWasLost) {
  const auto lookups = std::make_shared<std::atomic<int>>(0);
  std::promise<void> over;
  auto released = over.get_future().share();
  Resolver resolver(std::chrono::seconds(0), [lookups, released](const std::string&) -> Result<Resolver::Addresses> {
    const int number = ++*lookups;
    if (number == 2) released.wait();
    return Resolver::Addresses{*SocketAddress::FromLiteral(number == 1 ? "127.0.0.8" : "127.0.0.9", 0)};
  });
  EXPECT_EQ(FirstAddressOf(resolver), "127.0.0.8:80");
  while (FirstAddressOf(resolver) != "127.0.0.9:80") std::this_thread::sleep_for(std::chrono::milliseconds(10));
  over.set_value();
}

}  // namespace
}  // namespace ossfs2::http
