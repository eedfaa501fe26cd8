// A folder in which the journal cannot be made.
#include "data/journal/journal.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>

#include "tests/support/temp_folder.h"

namespace ossfs2 {
namespace {

// A program would take ENOENT or ENOTDIR for an answer about its own file.
TEST(JournalFolder, WhatIsWrongWithItIsNotSaidOfTheFile) {
  const test::TempFolder folder;
  std::ofstream(folder.path() + "/file") << "x";
  Journal journal(folder.path() + "/file/journal");
  JournalEntry entry;
  entry.key = "key";
  const Result<Journal::Id> refused = journal.Begin(entry);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().errno_value, EIO);
  EXPECT_NE(refused.error().text.find(folder.path()), std::string::npos) << refused.error().text;
  EXPECT_EQ(journal.OpenRecords(), 0u);
}

}  // namespace
}  // namespace ossfs2
