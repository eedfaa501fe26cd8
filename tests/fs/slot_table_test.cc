// The places of a directory's children against a plain list of them.
#include "fs/tree/slot_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "fs/tree/node.h"
#include "tests/support/seed.h"

namespace ossfs2::test {
namespace {

TEST(SlotTable, EveryPlaceStaysWhereItWas) {
  std::vector<Node> nodes(3000);
  SlotTable table;
  std::vector<Node*> plain;
  std::mt19937_64 random(TestSeed());
  for (Node& node : nodes) {
    table.Add(&node);
    plain.push_back(&node);
    const size_t slot = random() % plain.size();
    if (plain[slot] == nullptr) continue;
    table.Clear(slot);
    plain[slot] = nullptr;
  }
  ASSERT_EQ(table.size(), plain.size());
  for (size_t i = 0; i < plain.size(); ++i) ASSERT_EQ(table[i], plain[i]) << i;
  std::erase(plain, nullptr);
  std::vector<Node*> told;
  table.Compact([&](Node* node, size_t slot) {
    EXPECT_EQ(slot, told.size());
    told.push_back(node);
  });
  EXPECT_EQ(told, plain);
  ASSERT_EQ(table.size(), plain.size());
  EXPECT_EQ(table.held(), plain.size());
  for (size_t i = 0; i < plain.size(); ++i) ASSERT_EQ(table[i], plain[i]) << i;
}

TEST(SlotTable, NamesThatAreGoneTakeNoMemory) {
  Node node;
  SlotTable table;
  for (size_t i = 0; i < 100'000; ++i) {
    table.Add(&node);
    if (i % 1000 != 0) table.Clear(i);
  }
  EXPECT_EQ(table.size(), 100'000u);
  EXPECT_LE(table.held(), 101 * 256u);
  EXPECT_EQ(table[99'000], &node);
  EXPECT_EQ(table[99'001], nullptr);
}

}  // namespace
}  // namespace ossfs2::test
