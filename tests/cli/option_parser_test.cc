// Options from command line, config file and environment: every spelling, their order, and mistakes with file and line.
#include "cli/options/option_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/values/str.h"
#include "cli/options/directories.h"
#include "tests/cli/test_folder.h"

namespace ossfs2 {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string ErrorOf(const std::vector<std::string>& arguments) {
  OptionSet options;
  const auto line = ParseCommandLine(arguments, options);
  return line ? "" : line.error().text;
}

struct Form {
  std::vector<std::string> arguments;
  const char* option;
  const char* value;
};

TEST(CommandLine, UnderstandsEveryFormOfAnOption) {
  for (const Form& form :
       {Form{{"--oss_bucket=b"}, "oss_bucket", "b"}, Form{{"-oss_bucket=b"}, "oss_bucket", "b"},
        Form{{"--oss_bucket", "b"}, "oss_bucket", "b"}, Form{{"--oss-bucket=b"}, "oss_bucket", "b"},
        Form{{"--oss_bucket="}, "oss_bucket", ""}, Form{{"--oss_bucket= b "}, "oss_bucket", "b"},
        Form{{"--tagging=a=1&b=2"}, "tagging", "a=1&b=2"}, Form{{"--ro"}, "ro", "true"},
        Form{{"--noro"}, "ro", "false"}, Form{{"--ro=0"}, "ro", "0"}, Form{{"-f"}, "f", "true"},
        Form{{"--nonempty"}, "nonempty", "true"}, Form{{"--nononempty"}, "nonempty", "false"},
        Form{{"--temp_dir=/t"}, "staging_dir", "/t"},
        Form{{"--prefetch_chunks", "-1"}, "prefetch_chunks", "-1"},
        Form{{"-o", "oss_bucket=b,ro"}, "oss_bucket", "b"},
        Form{{"--attr_timeout=1", "--attr_timeout=2"}, "attr_timeout", "2"},
        Form{{"--skip_trim_options", "--oss_bucket= b "}, "oss_bucket", " b "},
        Form{{"--undefok=nonsense", "--nonsense=1", "--oss_bucket=b"}, "oss_bucket", "b"}}) {
    OptionSet options;
    const auto line = ParseCommandLine(form.arguments, options);
    ASSERT_TRUE(line) << line.error().text;
    EXPECT_EQ(options.Text(form.option), form.value) << form.arguments[0];
    EXPECT_TRUE(line->positional.empty());
  }
}

TEST(CommandLine, TellsItsOwnWordsApart) {
  OptionSet options;
  TestFolder folder;
  const std::string file = folder.Write("c", "");
  const auto line = ParseCommandLine({"/mnt", "-c", file, "--print-config", "--ro", "--", "-odd"}, options);
  ASSERT_TRUE(line);
  EXPECT_THAT(line->positional, ElementsAre("/mnt", "-odd"));
  EXPECT_EQ(line->config_file, file);
  EXPECT_TRUE(line->print_config);
  OptionSet more;
  EXPECT_TRUE(ParseCommandLine({"-h"}, more)->help);
  EXPECT_EQ(ParseCommandLine({"-c" + file, "-ca_file=/x/y"}, more)->config_file, file);
  EXPECT_EQ(more.Text("ca_file"), "/x/y");
  EXPECT_TRUE(ParseCommandLine({"--original-help"}, more)->original_help);
}

TEST(CommandLine, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(ErrorOf({"--oss_buket=b"}),
            "command line: unknown option \"oss_buket\"; did you mean \"oss_bucket\"?");
  EXPECT_EQ(ErrorOf({"--oss_bucket"}), "command line: --oss_bucket needs a value: --oss_bucket=VALUE");
  EXPECT_THAT(ErrorOf({"--upload_concurrency=0"}), HasSubstr("1..1024"));
  EXPECT_EQ(ErrorOf({"--no_such=1"}),
            "command line: unknown option \"no_such\"; `ossfs2 mount --help` lists the options");
  EXPECT_THAT(ErrorOf({"--norename_dir_limit"}), StartsWith("command line: unknown option"));
  EXPECT_THAT(ErrorOf({"--oss_access_key_secrt:hush"}),
              AllOf(HasSubstr("\"oss_access_key_secrt\""), Not(HasSubstr("hush"))));
  EXPECT_THAT(ErrorOf({"-c"}), HasSubstr("needs a value"));
  EXPECT_THAT(ErrorOf({"-c", "/no/such/file"}), HasSubstr("/no/such/file: No such file"));
}

TEST(CommandLine, RefusesUnsupportedOptionsWithTheReason) {
  EXPECT_THAT(ErrorOf({"--oss_hdfs_client_options=x"}), HasSubstr("OSS-HDFS is not supported"));
  EXPECT_EQ(ErrorOf({"--hdfs_set_owner_on_create=false", "--oss_hdfs_client_options="}), "")
      << "asking for nothing is fine";
}

TEST(CommandLine, AcceptsUselessOptionsWithANotice) {
  OptionSet options;
  ASSERT_TRUE(ParseCommandLine({"--use_auth_cache", "--seq_read_detect_count=3"}, options));
  ASSERT_EQ(options.notices().size(), 1u) << "the default deserves no notice";
  EXPECT_THAT(options.notices()[0], StartsWith("use_auth_cache has no effect (command line): "));
}

// Once the bucket is there, which is at every mount but the first, they do nothing in the existing client.
TEST(CommandLine, AcceptsOptionsThatMakeBuckets) {
  OptionSet options;
  const auto line = ParseCommandLine({"--auto_create_bucket", "--agentic_bucket=x"}, options);
  ASSERT_TRUE(line) << line.error().text;
  EXPECT_THAT(options.notices(), testing::Each(HasSubstr("a mount never creates buckets")));
  EXPECT_EQ(options.notices().size(), 2u);
}

TEST(CommandLine, TakesChoicesInAnyCase) {
  OptionSet options;
  const auto line = ParseCommandLine({"--log_level=INFO", "--log_format=Json", "--storage_class=ia"}, options);
  ASSERT_TRUE(line) << line.error().text;
  EXPECT_EQ(options.Text("log_level"), "info");
  EXPECT_EQ(options.Text("log_format"), "json");
  EXPECT_EQ(options.Text("storage_class"), "IA");
  EXPECT_THAT(ErrorOf({"--log_level=loud"}), HasSubstr("debug|info|warning|error"));
}

TEST(CommandLine, TakesSeveralFlagFilesAtOnce) {
  TestFolder folder;
  OptionSet options;
  const auto line = ParseCommandLine({StrCat("--flagfile=", folder.Write("a", "--oss_bucket=b\n"), ",",
                                             folder.Write("b", "--oss_region=r\n"))},
                                     options);
  ASSERT_TRUE(line) << line.error().text;
  EXPECT_EQ(options.Text("oss_bucket"), "b");
  EXPECT_EQ(options.Text("oss_region"), "r");
}

TEST(CommandLine, ReadsVariablesAsGflagsDoes) {
  ScopedVariable variable("FLAGS_oss_bucket", "from-env");
  ScopedVariable missing("FLAGS_oss_region", nullptr);
  OptionSet options;
  ASSERT_TRUE(ParseCommandLine({"--fromenv=oss_bucket", "--tryfromenv=oss_region"}, options));
  EXPECT_EQ(options.Text("oss_bucket"), "from-env");
  EXPECT_EQ(options.Origin("oss_bucket"), "environment FLAGS_oss_bucket");
  EXPECT_THAT(ErrorOf({"--fromenv=oss_region"}), HasSubstr("the environment has no FLAGS_oss_region"));
}

TEST(ConfigFile, IsReadLineByLine) {
  TestFolder folder;
  const std::string nested = folder.Write("nested", "--oss_region=cn-test\n");
  const std::string file =
      folder.Write("conf", StrCat("\xEF\xBB\xBF# comment\n\n   --oss_bucket=b  \r\n-ro\n--noallow_other\n",
                                  "--flagfile=", nested, "\n--attr_timeout=5"));
  OptionSet options;
  const Status read = ReadConfigFile(file, options);
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(options.Text("oss_bucket"), "b");
  EXPECT_TRUE(options.Bool("ro"));
  EXPECT_FALSE(options.Bool("allow_other"));
  EXPECT_EQ(options.Seconds("attr_timeout"), 5);
  EXPECT_EQ(options.Origin("oss_bucket"), file + ":3");
  EXPECT_EQ(options.Origin("oss_region"), nested + ":1");
}

TEST(ConfigFile, LosesAgainstTheCommandLineWhateverTheOrder) {
  TestFolder folder;
  const std::string file = folder.Write("conf", "--oss_bucket=file\n--attr_timeout=1\n--attr_timeout=2\n");
  for (const auto& arguments : {std::vector<std::string>{"-c", file, "--oss_bucket=line"},
                                std::vector<std::string>{"--oss_bucket=line", "--conf=" + file}}) {
    OptionSet options;
    ASSERT_TRUE(ParseCommandLine(arguments, options));
    EXPECT_EQ(options.Text("oss_bucket"), "line");
    EXPECT_EQ(options.Origin("oss_bucket"), "command line");
    EXPECT_EQ(options.Seconds("attr_timeout"), 2) << "within one layer the last wins";
    EXPECT_EQ(options.Int("upload_concurrency"), 64) << "the default";
    EXPECT_EQ(options.Origin("upload_concurrency"), "default");
  }
}

struct BadFile {
  const char* content;
  const char* error;  // after "FILE"
};

TEST(ConfigFile, NamesFileAndLineOfEachMistake) {
  TestFolder folder;
  for (const BadFile& bad :
       {BadFile{"\n--oss_buket=b\n", ":2: unknown option \"oss_buket\"; did you mean \"oss_bucket\"?"},
        BadFile{"--attr_timeout=soon\n", ":1: attr_timeout: \"soon\" is not a number of seconds (>= 0)"},
        BadFile{"oss_bucket=b\n", ":1: options need two dashes: write --oss_bucket=VALUE"},
        BadFile{"--oss_bucket b\n", ":1: write --oss_bucket=VALUE, without blanks"},
        BadFile{"--oss_bucket\n", ":1: --oss_bucket needs a value: --oss_bucket=VALUE"},
        BadFile{"--oss_access_key_secret: hush\n", ":1: write --oss_access_key_secret=VALUE, without blanks"},
        BadFile{"--oss_access_key_secret:hush\n", ":1: write --oss_access_key_secret=VALUE, without blanks"},
        BadFile{"oss_bucket: b\n", ":1: options need two dashes: write --oss_bucket=VALUE"},
        BadFile{"\xE2\x80\x93oss_bucket=b\n",
                ":1: the dashes are not two \"-\", perhaps from a text with typography: write --oss_bucket=VALUE"},
        BadFile{"{\"oss_access_key_secret\": \"hush\"}\n",
                ":1: this line is not understood; write one --name=value a line"},
        BadFile{"# x\n\n--\n", ":3: \"--\" is not an option; write --name=value"}}) {
    const std::string file = folder.Write("conf", bad.content);
    OptionSet options;
    const Status read = ReadConfigFile(file, options);
    ASSERT_FALSE(read) << bad.content;
    EXPECT_EQ(read.error().text, file + bad.error);
  }
}

TEST(ConfigFile, TellsWhatIsTakenAsPartOfAValue) {
  TestFolder folder;
  OptionSet options;
  const std::string path = folder.Write(
      "conf", "--oss_access_key_secret='hush'\n--oss_bucket=b # mine\n--oss_region=x#y\n--oss_endpoint=http://h\n",
      0600);
  ASSERT_TRUE(ReadConfigFile(path, options));
  EXPECT_THAT(
      options.notices(),
      ElementsAre(
          StrCat(path, ":1: the quotes are taken as part of the value of oss_access_key_secret; write it without them"),
          StrCat(path,
                 ":2: what follows # is taken as part of the value of oss_bucket; a comment needs a line of its own")));
}

TEST(ConfigFile, PatternsOfProgramNamesSwitchLinesOnAndOff) {
  TestFolder folder;
  OptionSet options;
  ASSERT_TRUE(ReadConfigFile(
      folder.Write("conf", "otherprogram\n--oss_bucket=no\nossfs*\n--oss_region=yes\n"), options));
  EXPECT_FALSE(options.IsSet("oss_bucket"));
  EXPECT_EQ(options.Text("oss_region"), "yes");
}

// As gflags: several patterns on a line, and lines of patterns below one another, of which one suffices.
TEST(ConfigFile, OnePatternOfManySuffices) {
  TestFolder folder;
  OptionSet options;
  ASSERT_TRUE(ReadConfigFile(folder.Write("conf", "ossfs2 other\nthird\n--oss_bucket=yes\n"), options));
  EXPECT_EQ(options.Text("oss_bucket"), "yes");
  EXPECT_TRUE(options.notices().empty());
  const std::string path = folder.Write("conf", "other\n\n--oss_region=no\n--ro\nossfs2\n--attr_timeout=3\n");
  ASSERT_TRUE(ReadConfigFile(path, options));
  EXPECT_FALSE(options.IsSet("oss_region"));
  EXPECT_EQ(options.Seconds("attr_timeout"), 3);
  EXPECT_THAT(options.notices(), ElementsAre(StartsWith(path + ":3: skipped")));
}

// SIGHUP reads in the daemon, whose directory is another.
TEST(ConfigFile, RelativePathsMeanTheDirectoryOfTheStart) {
  TestFolder folder;
  const std::string start = std::filesystem::current_path();
  OptionSet options;
  ASSERT_TRUE(ParseCommandLine({"--ro"}, options));
  EXPECT_EQ(FromStartDirectory("x"), start + "/x");
  folder.Write("nested", "--oss_bucket=b\n");
  const std::string near = std::filesystem::relative(folder.path(), start);
  folder.Write("conf", StrCat("--flagfile=", near, "/nested\n"));
  std::string elsewhere = folder.path();  // deeper than `near` climbs
  for (int depth = 0; depth < 30; ++depth) elsewhere += "/d";
  std::filesystem::create_directories(elsewhere);
  std::filesystem::current_path(elsewhere);
  const auto line = ParseCommandLine({StrCat("-conf=", near, "/conf")}, options);
  std::filesystem::current_path(start);
  ASSERT_TRUE(line) << line.error().text;
  EXPECT_EQ(options.Text("oss_bucket"), "b");
}

TEST(ConfigFile, HasLimits) {
  TestFolder folder;
  OptionSet options;
  const std::string loop = folder.path() + "/loop";
  folder.Write("loop", "--flagfile=" + loop + "\n");
  EXPECT_THAT(ReadConfigFile(loop, options).error().text, HasSubstr("nested more than 8 deep"));
  const std::string large = folder.Write("large", std::string((1 << 20) + 2, '#') + "\n");
  EXPECT_THAT(ReadConfigFile(large, options).error().text, HasSubstr("larger than 1 MiB"));
  EXPECT_THAT(ReadConfigFile(folder.path(), options).error().text, HasSubstr("is not a file"));
}

TEST(ConfigFile, WarnsWhenOthersMayReadASecret) {
  TestFolder folder;
  const char* secret = "--oss_access_key_secret=s\n";
  OptionSet open_file;
  ASSERT_TRUE(ReadConfigFile(folder.Write("open", secret, 0644), open_file));
  ASSERT_EQ(open_file.notices().size(), 1u);
  EXPECT_THAT(open_file.notices()[0], HasSubstr("chmod 600"));
  OptionSet private_file;
  ASSERT_TRUE(ReadConfigFile(folder.Write("private", secret, 0600), private_file));
  ASSERT_TRUE(ReadConfigFile(folder.Write("harmless", "--ro\n", 0644), private_file));
  EXPECT_TRUE(private_file.notices().empty());
}

}  // namespace
}  // namespace ossfs2
