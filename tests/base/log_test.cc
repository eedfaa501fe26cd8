// Logging to files: levels, limits, JSON, rotation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include "base/report/log.h"
#include "base/values/str.h"
#include "tests/support/temp_folder.h"

namespace ossfs2 {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class LogTest : public testing::Test {
 protected:
  LogTest() {
    config_.target = dir_ + "/ossfs2.log";
  }
  ~LogTest() override { EXPECT_TRUE(SetupLog(LogConfig{})); }
  std::string Text() {
    FlushLog();
    std::stringstream text;
    text << std::ifstream(config_.target).rdbuf();
    return text.str();
  }
  const test::TempFolder temp_;
  const std::string dir_ = temp_.path();
  LogConfig config_;
};

TEST_F(LogTest, WritesFromTheLevelUp) {
  ASSERT_TRUE(SetupLog(config_));
  Log(LogLevel::kDebug, "hidden");
  Log(LogLevel::kWarning, "shown {} %v");
  SetLogLevel(LogLevel::kDebug);
  EXPECT_TRUE(LogEnabled(LogLevel::kDebug));
  Log(LogLevel::kDebug, "visible");
  EXPECT_THAT(Text(), Not(HasSubstr("hidden")));
  EXPECT_THAT(Text(), HasSubstr("|W|"));
  EXPECT_THAT(Text(), HasSubstr("|shown {} %v\n"));
  EXPECT_THAT(Text(), HasSubstr("visible"));
}

TEST_F(LogTest, ATextIsOneLineWhateverItHolds) {
  const std::string text = "of x\n2026/11/27 12:00:00.000000|E|th=1|made up\r\t\x1b[2J \x7f \xc2\x9b"
                           "2J \xe4\xb8\xad \xff\xc0\xaf \xed\xa0\x80 \xe4\xb8";
  const std::string shown = "of x 2026/11/27 12:00:00.000000|E|th=1|made up  ?[2J ? ?2J \xe4\xb8\xad ??? ??? ??";
  for (const bool json : {false, true}) {
    config_.json = json;
    config_.target = dir_ + (json ? "/json.log" : "/text.log");
    ASSERT_TRUE(SetupLog(config_));
    Log(LogLevel::kWarning, text);
    EXPECT_THAT(Text(), HasSubstr(json ? "\"text\":\"" + shown + "\"}\n" : "|" + shown + "\n"));
  }
}

TEST_F(LogTest, RepeatsAreLimited) {
  ASSERT_TRUE(SetupLog(config_));
  const std::string text = StrCat("same text ", dir_);
  for (int n = 0; n < 5; ++n) LogLimited(LogLevel::kError, text);
  const std::string all = Text();
  EXPECT_EQ(all.find(text), all.rfind(text));
  EXPECT_THAT(all, HasSubstr(text));
}

TEST_F(LogTest, JsonLinesAreEscaped) {
  config_.json = true;
  ASSERT_TRUE(SetupLog(config_));
  Log(LogLevel::kInfo, "a \"quoted\" \\ text\nwith a line end");
  EXPECT_THAT(Text(), HasSubstr(R"("level":"info")"));
  EXPECT_THAT(Text(), HasSubstr(R"("text":"a \"quoted\" \\ text with a line end"})"));
}

TEST_F(LogTest, RotatesAndKeepsSoManyFilesPrivate) {
  config_.file_size_bytes_max = 4096;
  config_.file_count_max = 3;
  ASSERT_TRUE(SetupLog(config_));
  for (int n = 0; n < 200; ++n) Log(LogLevel::kInfo, StrCat("line ", n, std::string(80, '.')));
  FlushLog();
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir_)) {
    ++files;
    EXPECT_LE(entry.file_size(), 4096u);
    struct stat info {};
    ASSERT_EQ(stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0007, 0u) << entry.path();
  }
  EXPECT_EQ(files, 3);
  EXPECT_THAT(Text(), HasSubstr("line 199"));
}

// logrotate: rename, then SIGHUP.
TEST_F(LogTest, AMovedFileIsMadeAgainByReopen) {
  ASSERT_TRUE(SetupLog(config_));
  Log(LogLevel::kInfo, "before");
  std::filesystem::rename(config_.target, config_.target + ".1");
  Log(LogLevel::kInfo, "between");
  ASSERT_TRUE(ReopenLog());
  Log(LogLevel::kInfo, "after");
  EXPECT_THAT(Text(), AllOf(HasSubstr("after"), Not(HasSubstr("before"))));
  std::stringstream old;
  old << std::ifstream(config_.target + ".1").rdbuf();
  EXPECT_THAT(old.str(), AllOf(HasSubstr("before"), HasSubstr("between"), Not(HasSubstr("after"))));
  ASSERT_TRUE(ReopenLog()) << "of a file in its place";
  EXPECT_THAT(Text(), HasSubstr("after"));
}

TEST_F(LogTest, ARemovedFolderIsMadeAgainByReopen) {
  config_.target = dir_ + "/logs/ossfs2.log";
  std::filesystem::create_directory(dir_ + "/logs");
  ASSERT_TRUE(SetupLog(config_));
  std::filesystem::remove_all(dir_ + "/logs");
  ASSERT_TRUE(ReopenLog());
  Log(LogLevel::kInfo, "after");
  EXPECT_THAT(Text(), HasSubstr("after"));
  struct stat info {};
  ASSERT_EQ(stat(config_.target.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0007, 0u);
}

// Whoever may write to the folder must not make the daemon write elsewhere.
TEST_F(LogTest, ALinkInPlaceOfTheFileIsNotFollowed) {
  ASSERT_TRUE(SetupLog(config_));
  std::filesystem::remove(config_.target);
  std::filesystem::create_symlink(dir_ + "/elsewhere", config_.target);
  EXPECT_EQ(ErrnoOf(ReopenLog()), EACCES);
  Log(LogLevel::kInfo, "goes nowhere");
  EXPECT_FALSE(std::filesystem::exists(dir_ + "/elsewhere"));
}

// RLIMIT_FSIZE stands for the full disk: both cut a write short, then refuse the rest.
TEST_F(LogTest, LinesThatTheDiskRefusesAreCountedInTheNextOne) {
  ASSERT_TRUE(SetupLog(config_));
  Log(LogLevel::kInfo, "first");
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  signal(SIGXFSZ, SIG_IGN);
  rlimit full = before;
  full.rlim_cur = std::filesystem::file_size(config_.target) + 10;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
  for (int n = 0; n < 3; ++n) Log(LogLevel::kInfo, "refused");
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  Log(LogLevel::kInfo, "again");
  Log(LogLevel::kInfo, "last");
  signal(SIGXFSZ, SIG_DFL);
  const std::string text = Text();
  EXPECT_THAT(text, HasSubstr("\n3 lines of the log were lost here: File too large\n"));
  EXPECT_THAT(text, AllOf(HasSubstr("|again\n"), HasSubstr("|last\n"), Not(HasSubstr("refused"))));
  EXPECT_EQ(text.find("lost here"), text.rfind("lost here"));
}

// The only file there may be is emptied: the bound on the disk counts more than old lines.
TEST_F(LogTest, OneFileAloneIsBoundedToo) {
  config_.file_size_bytes_max = 4096;
  config_.file_count_max = 1;
  ASSERT_TRUE(SetupLog(config_));
  for (int n = 0; n < 200; ++n) Log(LogLevel::kInfo, StrCat("line ", n, std::string(80, '.')));
  EXPECT_LE(std::filesystem::file_size(config_.target), 4096u);
  EXPECT_THAT(Text(), HasSubstr("line 199"));
}

TEST_F(LogTest, MovingAndReopeningUnderLoadLosesNoLine) {
  constexpr int kThreads = 4;
  constexpr int kLines = 2000;
  config_.file_size_bytes_max = 64 << 10;
  config_.file_count_max = 1000;
  ASSERT_TRUE(SetupLog(config_));
  std::vector<std::thread> writers;
  for (int thread = 0; thread < kThreads; ++thread)
    writers.emplace_back([thread] {
      for (int n = 0; n < kLines; ++n) Log(LogLevel::kInfo, StrCat("line ", thread, " ", n));
    });
  for (int n = 0; n < 20; ++n) {
    std::error_code moved;  // the file may be in the middle of its own rotation
    std::filesystem::rename(config_.target, StrCat(dir_, "/moved-", n), moved);
    EXPECT_TRUE(ReopenLog());
  }
  for (std::thread& writer : writers) writer.join();
  size_t lines = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir_)) {
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) lines += line.find("|line ") != std::string::npos;
  }
  EXPECT_EQ(lines, size_t{kThreads} * kLines);
}

TEST_F(LogTest, AnImpossibleFileIsAnErrorWithItsName) {
  config_.target = dir_ + "/missing/ossfs2.log";
  const Status status = SetupLog(config_);
  EXPECT_EQ(ErrnoOf(status), ENOENT);
  EXPECT_THAT(status.error().text, HasSubstr(config_.target));
}

}  // namespace
}  // namespace ossfs2
