// The reference (Markdown, man page, help, completion, conf folder) says what the option table says, without secrets.
#include "cli/reference/reference_docs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "base/values/str.h"
#include "cli/options/option_parser.h"
#include "cli/options/option_table.h"
#include "cli/options/secrets.h"
#include "tests/cli/test_folder.h"

namespace ossfs2 {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string ProjectFile(const std::string& name) { return std::string(OSSFS2_SOURCE_DIR) + "/" + name; }

std::string Content(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Docs, ConfigurationPageIsUpToDate) {
  EXPECT_TRUE(Content(ProjectFile("docs/configuration.md")) == ConfigurationMarkdown())
      << "run: ossfs2 docs configuration > docs/configuration.md";
}

TEST(Docs, NameEveryOption) {
  const std::string page = ConfigurationMarkdown();
  const std::string all = HelpText(true);
  for (const OptionSpec& spec : OptionTable()) {
    EXPECT_THAT(page, HasSubstr(StrCat("| `", spec.name, "`")));
    EXPECT_THAT(all, HasSubstr(StrCat("--", spec.name)));
  }
}

TEST(Docs, HelpShowsOnlyPublicOptionsThatWork) {
  const std::string help = HelpText(false);
  const std::string man = ManPage();
  const std::string completion = BashCompletion();
  for (const OptionSpec& spec : OptionTable()) {
    const bool shown = spec.kind == OptionKind::kPublic && spec.support == OptionSupport::kWorks;
    const std::string entry = StrCat("  --", spec.name, spec.type == OptionType::kBool ? " " : "=VALUE ");
    EXPECT_EQ(help.find(entry) != std::string::npos, shown) << spec.name;
    const bool completed =
        completion.find(StrCat(" --", spec.name, spec.type == OptionType::kBool ? " " : "=")) !=
        std::string::npos;
    EXPECT_TRUE(completed || !shown) << spec.name;
  }
  EXPECT_EQ(man.rfind(".TH OSSFS2 8", 0), 0u);
}

TEST(Docs, VersionNamesTheCompiler) {
  EXPECT_THAT(VersionText(), testing::StartsWith(StrCat("ossfs2 ", OSSFS2_VERSION, " (")));
  EXPECT_THAT(VersionText(), testing::AnyOf(HasSubstr("(gcc 1"), HasSubstr("(clang ")));
}

TEST(Docs, ManPageHasTheFirstMountAsAnExample) {
  const std::string man = ManPage();
  const size_t synopsis = man.find(".SH SYNOPSIS");
  const size_t commands = man.find(".SH COMMANDS");
  const size_t examples = man.find(".SH EXAMPLES");
  ASSERT_LT(synopsis, commands);
  ASSERT_NE(examples, std::string::npos);
  EXPECT_THAT(man.substr(synopsis, commands - synopsis), Not(HasSubstr("oss.conf")));
  EXPECT_THAT(man.substr(examples), HasSubstr("mkdir \\-p /mnt/oss"));
  EXPECT_THAT(man.substr(commands, examples - commands), HasSubstr("\\-\\-print\\-config"));
  EXPECT_THAT(UsageText(), HasSubstr("mkdir -p /mnt/oss"));
  EXPECT_THAT(man.substr(examples), HasSubstr("/usr/share/doc/ossfs2"));
}

TEST(PrintConfig, ShowsValueAndOriginAndMasksSecrets) {
  TestFolder folder;
  const std::string file = folder.Write(
      "c", "--oss_bucket=b\n--oss_access_key_secret=TopSecret\n--http_proxy=http://u:p4ss@h:1\n");
  OptionSet options;
  ASSERT_TRUE(
      ParseCommandLine({"-c", file, "--attr_timeout=7", "--oss_security_token=TokenSecret"}, options));
  const std::string text = PrintedConfig(options);
  EXPECT_THAT(text, HasSubstr(StrCat("# ", file, ":1\n--oss_bucket=b\n")));
  EXPECT_THAT(text, HasSubstr("# command line\n--attr_timeout=7\n"));
  EXPECT_THAT(text, HasSubstr("# default\n--upload_concurrency=64\n"));
  EXPECT_THAT(text, HasSubstr("--oss_access_key_secret=********\n"));
  for (const char* secret : {"TopSecret", "TokenSecret", "p4ss"}) EXPECT_THAT(text, Not(HasSubstr(secret)));
}

TEST(PrintConfig, CanBeReadAgain) {
  OptionSet options;
  ASSERT_TRUE(
      ParseCommandLine({"--oss_bucket=b", "--tagging=a=1&b=2", "--ro", "--prefetch_chunks=-1"}, options));
  TestFolder folder;
  OptionSet again;
  const Status read = ReadConfigFile(folder.Write("c", PrintedConfig(options)), again);
  ASSERT_TRUE(read) << read.error().text;
  for (const OptionSpec& spec : OptionTable())
    EXPECT_EQ(options.Text(spec.name), again.Text(spec.name)) << spec.name;
}

TEST(Examples, OfTheConfFolderLoad) {
  OptionSet options;
  const Status read = ReadConfigFile(ProjectFile("conf/ossfs2.conf"), options);
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_TRUE(options.IsSet("oss_endpoint"));
  EXPECT_TRUE(options.IsSet("oss_bucket"));
  EXPECT_TRUE(options.notices().empty());
}

// Also what is commented out in the example must exist.
TEST(Examples, NameOnlyOptionsThatExist) {
  std::ifstream file(ProjectFile("conf/ossfs2.conf"));
  TestFolder folder;
  std::string uncommented;
  for (std::string line; std::getline(file, line);)
    if (line.rfind("#--", 0) == 0) uncommented += line.substr(1) + "\n";
  EXPECT_NE(uncommented, "");
  OptionSet options;
  const Status read = ReadConfigFile(folder.Write("c", uncommented), options);
  EXPECT_TRUE(read) << read.error().text;
}

// A panel over a metric that does not exist stays empty for ever.
TEST(Examples, DashboardUsesMetricsThatExist) {
  std::string sources;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(ProjectFile("src")))
    if (entry.path().extension() == ".cc") sources += Content(entry.path().string());
  const std::string dashboard = Content(ProjectFile("conf/grafana-dashboard.json"));
  const std::regex metric("ossfs2_([a-z0-9_]+)[{,]");
  size_t found = 0;
  for (std::sregex_iterator it(dashboard.begin(), dashboard.end(), metric), end; it != end; ++it, ++found) {
    std::string name = (*it)[1];
    if (name.ends_with("_bucket")) name.resize(name.size() - 7);
    EXPECT_THAT(sources, HasSubstr(StrCat("\"", name, "\""))) << name;
  }
  EXPECT_GT(found, 20u);
}

// Memory of its own, as argv has.
class Argv {
 public:
  explicit Argv(std::vector<std::string> words) : words_(std::move(words)) {
    for (std::string& word : words_) pointers_.push_back(word.data());
  }
  std::string Wiped() {
    WipeSecretArguments(static_cast<int>(pointers_.size()), pointers_.data());
    std::string all;
    for (const std::string& word : words_) all += word + " ";
    return all;
  }

 private:
  std::vector<std::string> words_;
  std::vector<char*> pointers_;
};

TEST(Secrets, AreWipedFromArguments) {
  EXPECT_EQ(Argv({"ossfs2", "mount", "--oss_access_key_secret=abc", "--oss_bucket=abc"}).Wiped(),
            "ossfs2 mount --oss_access_key_secret=*** --oss_bucket=abc ");
  EXPECT_EQ(Argv({"ossfs2", "-oss-access-key-secret", "abc", "x"}).Wiped(),
            "ossfs2 -oss-access-key-secret *** x ");
  EXPECT_EQ(
      Argv({"mount.ossfs2", "b", "/m", "-o", "rw,oss_access_key_secret=a\\,b,security_token=\"x,y\",ro"})
          .Wiped(),
      "mount.ossfs2 b /m -o rw,oss_access_key_secret=****,security_token=*****,ro ");
  EXPECT_EQ(Argv({"m", "-orw,http_proxy=abc"}).Wiped(), "m -orw,http_proxy=*** ");
  EXPECT_EQ(Argv({"m", "--oss_access_key_secret="}).Wiped(), "m --oss_access_key_secret= ");
  EXPECT_EQ(Argv({"m", "--oss_access_key_secret"}).Wiped(), "m --oss_access_key_secret ");
}

// Whatever ApplyMountOptions takes for the secret must be gone.
TEST(Secrets, AreWipedInEverySpellingOfMountOptions) {
  for (const char* list :
       {"oss_access_key_secret=hush", "ro, oss_access_key_secret=hush", "--oss_access_key_secret=hush",
        "ro,--oss-access-key-secret=hush", "\"oss_access_key_secret=hush\"", "oss_\"access\"_key_secret=hush",
        "tagging=a\\\"b,oss_access_key_secret=hush", "tagging=a\\\\,oss_access_key_secret=hush",
        "tagging=\"a,b\",oss_access_key_secret=\"hush\"", "tagging=a\\,\\\"x=1\\\",oss_access_key_secret=hush,ro",
        "oss_access_key_secret=hush\\,hush", "oss_access_key_secret=\"hush,hush\"", "\t oss_access_key_secret=hush "}) {
    OptionSet options;
    std::string file;
    const Status applied = ApplyMountOptions(list, options, file);
    ASSERT_TRUE(applied) << list << ": " << applied.error().text;
    ASSERT_THAT(options.Text("oss_access_key_secret"), testing::StartsWith("hush")) << list;
    const std::string glued = StrCat("-o", list);
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"ossfs2", "mount", "/m", "-o", list}, {"ossfs2", "mount", "/m", StrCat("-o=", list)},
          {"mount.ossfs2", "b", "/m", glued}, {"mount.ossfs2", "b", "/m", "-no", list},
          {"mount.ossfs2", "b", "/m", StrCat("-sfnvrwo", list)}}) {
      const std::string wiped = Argv(words).Wiped();
      EXPECT_EQ(wiped.find("hush"), std::string::npos) << wiped;
    }
  }
}

TEST(UsageOfTest, IsTheLineOfTheCommand) {
  EXPECT_TRUE(UsageOf("warmup").starts_with("ossfs2 warmup PATH... "));
  EXPECT_TRUE(UsageOf("gc").starts_with("ossfs2 gc -c FILE "));
  EXPECT_EQ(UsageOf("warm"), "");
}

TEST(CommandHelpTest, TellsTheOptionsOfEachCommand) {
  for (const std::string name : {"umount", "list", "stats", "explain", "set", "warmup", "check", "gc", "docs"}) {
    const std::string help = CommandHelp(name);
    EXPECT_TRUE(help.starts_with(UsageOf(name))) << name;
    EXPECT_GT(help.size(), UsageOf(name).size() + 80) << name;
    EXPECT_NE(ManPage().find(StrCat(".SS ", name, "\n")), std::string::npos) << name;
    // Each option that the first line names is explained below it.
    const std::string usage = UsageOf(name);
    for (size_t at = usage.find("[--"); at != std::string::npos; at = usage.find("[--", at + 1)) {
      const std::string option = usage.substr(at + 1, usage.find_first_of(" ]", at) - at - 1);
      EXPECT_NE(help.find(option, usage.size()), std::string::npos) << name << " " << option;
    }
    std::istringstream lines(help.substr(usage.size()));
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(line.size(), 110u) << line;
      EXPECT_FALSE(line.starts_with(".") || line.starts_with("'")) << "means something to roff: " << line;
    }
  }
  EXPECT_NE(CommandHelp("set").find(" attr_timeout"), std::string::npos);
  EXPECT_EQ(CommandHelp("unmount"), CommandHelp("umount"));
  EXPECT_EQ(CommandHelp("mount").find("--jobs"), std::string::npos);
  EXPECT_EQ(CommandHelp("warm"), "");
}

}  // namespace
}  // namespace ossfs2
