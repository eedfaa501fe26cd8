// A folder in which the journal cannot be made, or not be read at the start.
#include "data/journal/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/report/log.h"
#include "tests/support/temp_folder.h"

namespace ossfs2 {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

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

// gc would take what runs for what was left behind.
TEST(JournalFolder, LiveRunsThatCannotBeReadAreAnError) {
  const test::TempFolder folder;
  const std::string file = folder.path() + "/file";
  std::ofstream(file) << "x";
  const auto listed = ReadLiveRuns(file);
  ASSERT_FALSE(listed);
  EXPECT_THAT(listed.error().text, HasSubstr(file));
  const std::string lock = folder.path() + "/journal/run-1-1/lock";
  std::filesystem::create_directories(folder.path() + "/journal/run-1-1");
  std::filesystem::create_symlink("lock", lock);  // ELOOP
  const auto looked = ReadLiveRuns(folder.path() + "/journal");
  ASSERT_FALSE(looked);
  EXPECT_THAT(looked.error().text, HasSubstr(lock));
}

// --- at the start ---

class JournalStart : public testing::Test {
 protected:
  JournalStart() {
    LogConfig config;
    config.target = folder_.path() + "/log";
    EXPECT_TRUE(SetupLog(config));
  }
  ~JournalStart() override { EXPECT_TRUE(SetupLog(LogConfig{})); }
  std::string Logged() {
    FlushLog();
    std::stringstream text;
    text << std::ifstream(folder_.path() + "/log").rdbuf();
    return text.str();
  }
  const test::TempFolder folder_;
};

TEST_F(JournalStart, AFolderThatCannotBeListedIsNamed) {
  const std::string path = folder_.path() + "/file";
  std::ofstream(path) << "x";
  EXPECT_TRUE(Journal(path).TakeOver().empty());
  EXPECT_THAT(Logged(), AllOf(HasSubstr(path), HasSubstr("Not a directory"), HasSubstr("ossfs2 gc")));
}

TEST_F(JournalStart, ARunWhoseLockCannotBeTakenIsNamed) {
  const std::string run = folder_.path() + "/journal/run-1-1";
  std::filesystem::create_directories(run + "/lock");  // no file
  EXPECT_TRUE(Journal(folder_.path() + "/journal").TakeOver().empty());
  EXPECT_THAT(Logged(), AllOf(HasSubstr(run), HasSubstr("Is a directory"), HasSubstr("ossfs2 gc")));
  EXPECT_TRUE(std::filesystem::exists(run));
}

TEST_F(JournalStart, AFolderThatIsNotThereYetIsNoNews) {
  EXPECT_TRUE(Journal(folder_.path() + "/none").TakeOver().empty());
  EXPECT_THAT(Logged(), Not(HasSubstr("none")));
}

}  // namespace
}  // namespace ossfs2
