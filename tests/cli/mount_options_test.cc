// The -o list of mount(8): split as mount does it, its own words accepted, typos refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/mounts/remount.h"
#include "cli/options/mount_helper.h"
#include "cli/options/option_parser.h"

namespace ossfs2 {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(MountOptions, AreSplitAtCommasOutsideQuotes) {
  EXPECT_THAT(SplitMountOptions("a=1,b"), ElementsAre("a=1", "b"));
  EXPECT_THAT(SplitMountOptions("bind_ips=\"10.0.0.1,10.0.0.2\",ro"),
              ElementsAre("bind_ips=10.0.0.1,10.0.0.2", "ro"));
  EXPECT_THAT(SplitMountOptions("a=1\\,2,b=\\\"x"), ElementsAre("a=1,2", "b=\"x"));
  EXPECT_THAT(SplitMountOptions(",, ,"), IsEmpty());
}

// What mount(8), systemd and admins write into fstab must never be an error.
TEST(MountOptions, AcceptAllThatMountUnderstands) {
  OptionSet options;
  std::string file;
  const Status applied = ApplyMountOptions(
      "defaults,auto,noauto,user,nouser,users,_netdev,nofail,nodev,nosuid,exec,noexec,async,dirsync,"
      "noatime,"
      "relatime,nodiratime,lazytime,x-systemd.automount,x-gvfs-show,comment=hi,context=\"system_u:object_r:x,"
      "y\"",
      options, file);
  ASSERT_TRUE(applied) << applied.error().text;
  EXPECT_TRUE(options.notices().empty());
}

TEST(MountOptions, SayWhatHasNoEffect) {
  OptionSet options;
  std::string file;
  ASSERT_TRUE(ApplyMountOptions("sync,dev,suid,nosymfollow", options, file));
  EXPECT_THAT(options.notices(), ElementsAre(HasSubstr("sync has no effect"), HasSubstr("always nodev"),
                                             HasSubstr("always nosuid"), HasSubstr("enable_symlink=false")));
}

// mount(8) leaves it to the helper to ask the kernel for it.
TEST(MountOptions, NoexecIsKept) {
  OptionSet options;
  std::string file;
  EXPECT_TRUE(options.Bool("exec"));
  ASSERT_TRUE(ApplyMountOptions("noexec", options, file));
  EXPECT_FALSE(options.Bool("exec"));
  ASSERT_TRUE(ApplyMountOptions("user,noexec,exec", options, file));
  EXPECT_TRUE(options.Bool("exec"));
}

TEST(MountOptions, SetOptionsOfTheTable) {
  OptionSet options;
  std::string file;
  ASSERT_TRUE(ApplyMountOptions(
      "conf=/etc/o.conf,oss_endpoint=http://h,--attr_timeout=3,ro,noallow_other,bind_ips=\"1.1.1.1,2.2.2.2\"",
      options, file));
  EXPECT_EQ(file, "/etc/o.conf");
  EXPECT_EQ(options.Text("oss_endpoint"), "http://h");
  EXPECT_EQ(options.Seconds("attr_timeout"), 3);
  EXPECT_TRUE(options.Bool("ro"));
  EXPECT_FALSE(options.Bool("allow_other"));
  EXPECT_EQ(options.Text("bind_ips"), "1.1.1.1,2.2.2.2");
  ASSERT_TRUE(ApplyMountOptions("rw", options, file));
  EXPECT_FALSE(options.Bool("ro"));
}

TEST(MountOptions, RefuseTyposAndRemount) {
  OptionSet options;
  std::string file;
  EXPECT_EQ(ApplyMountOptions("oss_buket=x", options, file).error().text,
            "mount option: unknown option \"oss_buket\"; did you mean \"oss_bucket\"?");
  EXPECT_THAT(ApplyMountOptions("remount,ro", options, file).error().text,
              HasSubstr("mount(8) only"));
  EXPECT_THAT(ApplyMountOptions("oss_bucket", options, file).error().text, HasSubstr("needs a value"));
  options.IgnoreAllUnknown();  // mount -s
  EXPECT_TRUE(ApplyMountOptions("frobnicate=1", options, file));
  EXPECT_THAT(options.notices(), ElementsAre("unknown option \"frobnicate\" is ignored (mount option)"));
}

// What the kernel's table shows comes with every remount, and so does what fstab says to others.
TEST(MountOptions, ARemountKnowsTyposFromWhatIsNotForUs) {
  EXPECT_THAT(
      RemountTypos("remount,rw,atr_timeout=5,attr_timeout=5,noreaddirplus,_netdev,nofail,x-systemd.automount,relatime,"
                   "nosuid,nodev,user_id=0,group_id=0,default_permissions,allow_other,max_read=1048576,conf=/a"),
      ElementsAre("unknown option \"atr_timeout\" is ignored; did you mean \"attr_timeout\"?"));
}

TEST(MountHelper, UnderstandsWhatMountPasses) {
  const auto line = ParseMountHelperLine(
      {"bucket", "/mnt", "-sfnv", "-o", "rw,a=b", "-N", "/proc/1/ns/mnt", "-t", "ossfs2", "-ox"});
  ASSERT_TRUE(line) << line.error().text;
  EXPECT_EQ(line->bucket, "bucket");
  EXPECT_EQ(line->source, "bucket");
  EXPECT_EQ(line->mount_point, "/mnt");
  EXPECT_EQ(line->options, "rw,a=b,x");
  EXPECT_EQ(line->mount_namespace, "/proc/1/ns/mnt");
  EXPECT_TRUE(line->sloppy && line->fake && line->verbose);
  EXPECT_FALSE(line->read_only);
  EXPECT_TRUE(ParseMountHelperLine({"-r", "b", "/m"})->read_only) << "flags may come first";
}

TEST(MountHelper, SplitsTheSource) {
  struct Source {
    const char* text;
    const char* bucket;
    const char* prefix;
  };
  for (const Source& source :
       {Source{"b", "b", ""}, Source{"b:/p/q", "b", "p/q"}, Source{"b/p", "b", "p"},
        Source{"oss://b/p/", "b", "p/"}, Source{"oss://b", "b", ""}, Source{"b:p", "b", "p"}}) {
    const auto line = ParseMountHelperLine({source.text, "/m"});
    ASSERT_TRUE(line);
    EXPECT_EQ(line->bucket, source.bucket) << source.text;
    EXPECT_EQ(line->prefix, source.prefix) << source.text;
  }
}

TEST(MountHelper, RefusesNonsense) {
  EXPECT_FALSE(ParseMountHelperLine({"b"}));
  EXPECT_FALSE(ParseMountHelperLine({"b", "/m", "/n"}));
  EXPECT_FALSE(ParseMountHelperLine({"oss://", "/m"}));
  EXPECT_FALSE(ParseMountHelperLine({"b", "/m", "-o"}));
  EXPECT_THAT(ParseMountHelperLine({"b", "/m", "-q"}).error().text, HasSubstr("unknown flag -q"));
}

}  // namespace
}  // namespace ossfs2
