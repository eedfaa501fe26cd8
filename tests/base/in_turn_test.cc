// What a callback leads to runs after it, in order, before the outermost call returns.
#include "base/threads/in_turn.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace ossfs2 {
namespace {

TEST(InTurn, NestedCallsFollow) {
  std::string order;
  RunInTurn([&order] {
    order += '(';
    RunInTurn([&order] {
      order += 'a';
      RunInTurn([&order] { order += 'c'; });
    });
    RunInTurn([&order] { order += 'b'; });
    order += ')';
  });
  EXPECT_EQ(order, "()abc");
  RunInTurn([&order] { order += '.'; });
  EXPECT_EQ(order, "()abc.");
}

TEST(InTurn, SoDoesWhatTheEndOfACallLeadsTo) {
  std::string order;
  const auto at_end = [&order](int*) { RunInTurn([&order] { order += 'b'; }); };
  std::shared_ptr<int> held(nullptr, at_end);
  RunInTurn([&order, held = std::move(held)] { order += 'a'; });
  EXPECT_EQ(order, "ab");
}

}  // namespace
}  // namespace ossfs2
