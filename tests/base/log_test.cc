// Logging to files: levels, limits, JSON, rotation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/log.h"
#include "base/str.h"

namespace ossfs2 {
namespace {

using testing::HasSubstr;
using testing::Not;

class LogTest : public testing::Test {
 protected:
  LogTest() {
    char name[] = "/tmp/ossfs2_log_XXXXXX";
    dir_ = mkdtemp(name);
    config_.target = dir_ + "/ossfs2.log";
  }
  ~LogTest() override {
    EXPECT_TRUE(SetupLog(LogConfig{}));
    std::filesystem::remove_all(dir_);
  }
  std::string Text() {
    FlushLog();
    std::stringstream text;
    text << std::ifstream(config_.target).rdbuf();
    return text.str();
  }
  std::string dir_;
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

TEST_F(LogTest, AnImpossibleFileIsAnErrorWithItsName) {
  config_.target = dir_ + "/missing/ossfs2.log";
  const Status status = SetupLog(config_);
  EXPECT_EQ(ErrnoOf(status), ENOENT);
  EXPECT_THAT(status.error().text, HasSubstr(config_.target));
}

}  // namespace
}  // namespace ossfs2
