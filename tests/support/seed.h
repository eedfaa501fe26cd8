// TestSeed: what a random test begins with. OSSFS2_TEST_SEED gives it back to a run that failed.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace ossfs2::test {

// Prints it, so that the output of a failure has it, also of one that ends the process.
inline uint64_t TestSeed() {
  const char* given = std::getenv("OSSFS2_TEST_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::printf("OSSFS2_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  return seed;
}

}  // namespace ossfs2::test
