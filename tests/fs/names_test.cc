// Names and keys: odd keys, both kinds of one name, prefixes; pure functions of names and tags.
#include "fs/tree/names.h"

#include "base/report/metrics.h"
#include "base/values/text.h"
#include "fs/shared/attributes.h"
#include "fs/shared/xattr_codec.h"
#include "fs/tree/packed_tag.h"
#include "oss/signing/encoding.h"
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

TEST(Names, ShowableAndChecked) {
  EXPECT_TRUE(IsNameShowable("a"));
  EXPECT_TRUE(IsNameShowable("\xff\xfe"));
  EXPECT_TRUE(IsNameShowable(std::string(255, 'x')));
  EXPECT_FALSE(IsNameShowable(std::string(256, 'x')));
  for (const char* name : {"", ".", "..", "a/b"}) EXPECT_FALSE(IsNameShowable(name)) << name;
  EXPECT_FALSE(IsNameShowable(std::string_view("a\0b", 3)));
  EXPECT_EQ(ErrnoOf(CheckName(std::string(256, 'x'))), ENAMETOOLONG);
  EXPECT_EQ(ErrnoOf(CheckName("..")), EINVAL);
  EXPECT_EQ(NormalizePrefix("//a/b//"), "a/b/");
  EXPECT_EQ(NormalizePrefix("/"), "");
}

TEST(Names, NextShard) {
  EXPECT_EQ(NextShardName("model-00001-of-00005.safetensors"), "model-00002-of-00005.safetensors");
  EXPECT_EQ(NextShardName("m-09-of-10.gguf"), "m-10-of-10.gguf");
  for (const char* name : {"model-00005-of-00005.safetensors", "model-1-of-05", "-of-", "x-of-3", "a.bin",
                           "m-9999999999-of-9999999999"})
    EXPECT_FALSE(NextShardName(name).has_value()) << name;
}

TEST(Names, TagsKeepTheirText) {
  const std::string hex = "0123456789ABCDEF0123456789ABCDEF";
  for (const std::string& text :
       {std::string(), hex, std::string("0123456789abcdef0123456789abcdef"), hex + "-17", hex + "-0",
        hex + "-", hex + "-99999999999", std::string("null"), hex + "x",
        std::string("0123456789aBcdef0123456789abcdef")}) {
    PackedTag tag;
    tag.Set("something else");
    tag.Set(text);
    EXPECT_EQ(tag.Text(), text);
    EXPECT_TRUE(tag.Equals(text));
    EXPECT_FALSE(tag.Equals("other"));
  }
}

TEST(Names, TimesAndXattrsRoundTrip) {
  for (const int64_t ns : {0ll, 1'700'000'000'123'456'789ll, -1'500'000'000ll, 5ll, -1ll}) {
    const std::string text = FormatTime(ns);
    if (ns >= 0) {
      EXPECT_EQ(ParseTime(text), ns) << text;
    }
  }
  EXPECT_EQ(ParseTime("1700000000"), 1'700'000'000'000'000'000);
  for (const char* text : {"", "x", "1.x", "99999999999999"})
    EXPECT_FALSE(ParseTime(text).has_value()) << text;
  const std::map<std::string, std::string> xattrs{
      {"user.a", std::string("\0\xff", 2)}, {"user.b", ""}, {"user.ü", "xyz"}};
  EXPECT_EQ(DecodeXattrs(EncodeXattrs(xattrs)), xattrs);
  const std::map<std::string, std::string> percent{{"user.50%", "x"}};
  EXPECT_EQ(DecodeXattrs(EncodeXattrs(percent)), percent);
  // As it was once written: encoded here and on the wire.
  EXPECT_EQ(DecodeXattrs(oss::PercentEncodePath(EncodeXattrs(xattrs))), xattrs);
  for (const char* text : {"", "[]", "{", "%7B%22a%22%3A1%7D", "%7B%22a%22%3A%22*%22%7D"})
    EXPECT_FALSE(DecodeXattrs(text).has_value()) << text;
  EXPECT_TRUE(IsValidUtf8("aü€😀"));
  for (const char* text : {"\xff", "\xc3", "a\xe2\x82", "\xc0\x80"}) EXPECT_FALSE(IsValidUtf8(text));
}

TEST(Names, OddKeysAreHiddenAndCounted) {
  auto store = oss::MakeMemoryStore();
  const std::vector<std::string> odd{"//",
                                     "/a",
                                     "d//x",
                                     "d/./y",
                                     "d/../z",
                                     "./q",
                                     "../escape",
                                     std::string(256, 'n'),
                                     "d/" + std::string(300, 'm') + "/deep"};
  for (const std::string& key : odd) store->PutContent(key, "odd");
  store->PutContent(std::string("nul\0x", 5), "odd");
  store->PutContent("d/good", "1");
  TestMount mount(*store);
  auto& hidden = Registry::Default().counter("hidden_keys", "");
  const uint64_t before = hidden.Value();
  EXPECT_EQ(*mount.List(""), std::vector<std::string>{"d"});
  EXPECT_GE(hidden.Value() - before, 4u);
  EXPECT_EQ(*mount.List("d"), std::vector<std::string>{"good"});
  EXPECT_EQ(mount.fs().Lookup(kRootIno, "..").error().errno_value, EINVAL);
  EXPECT_EQ(mount.fs().Lookup(kRootIno, "d/../..").error().errno_value, EINVAL);
  EXPECT_EQ(mount.Stat(std::string(256, 'n')).error().errno_value, ENAMETOOLONG);
  // A directory with hidden keys is not empty.
  EXPECT_EQ(mount.Unlink("d/good"), 0);
  EXPECT_EQ(mount.Rmdir("d"), ENOTEMPTY);
}

TEST(Names, FileWinsOverDirectoryOfTheSameName) {
  auto store = oss::MakeMemoryStore();
  for (const char* key : {"a", "a-b", "a/inner", "c/"}) store->PutContent(key, "x");
  TestMount listed(*store);
  std::map<std::string, Attr> attrs;
  EXPECT_EQ(*listed.List("", &attrs), (std::vector<std::string>{"a", "a-b", "c"}));
  EXPECT_TRUE(S_ISREG(attrs["a"].mode));
  EXPECT_TRUE(S_ISDIR(attrs["c"].mode));
  TestMount cold(*store);
  EXPECT_TRUE(S_ISREG(cold.Stat("a")->mode));
}

TEST(Names, PrefixHoldsEverything) {
  auto store = oss::MakeMemoryStore();
  store->PutContent("outside", "no");
  store->PutContent("p/q-not", "no");
  store->PutContent("p/q/inside", "yes");
  FsOptions options;
  options.prefix = "/p/q/";
  TestMount mount(*store, options);
  EXPECT_EQ(*mount.List(""), std::vector<std::string>{"inside"});
  EXPECT_EQ(mount.Put("new", "1"), 0);
  EXPECT_EQ(mount.Mkdir("d"), 0);
  EXPECT_EQ(store->Keys(),
            (std::vector<std::string>{"outside", "p/q-not", "p/q/d/", "p/q/inside", "p/q/new"}));
}

TEST(Names, KeysOfMoreThan1023BytesAreRefused) {
  auto store = oss::MakeMemoryStore();
  TestMount mount(*store);
  std::string path;
  for (int i = 0; i < 3; ++i) {
    path += (i > 0 ? "/" : "") + std::string(255, 'd');
    EXPECT_EQ(mount.Mkdir(path), 0);
  }
  EXPECT_EQ(mount.Put(path + "/" + std::string(255, 'f'), "1"), 0);  // 1023 bytes
  EXPECT_EQ(mount.Mkdir(path + "/" + std::string(255, 'g')), ENAMETOOLONG);
  EXPECT_EQ(mount.Mkdir("short"), 0);
  EXPECT_EQ(mount.Rename("short", path + "/" + std::string(255, 'g')), ENAMETOOLONG);
  TestMount other(*store);
  EXPECT_EQ(other.Get(path + "/" + std::string(255, 'f')).value_or("none"), "1");
  EXPECT_EQ(other.Unlink(path + "/" + std::string(255, 'f')), 0);
  EXPECT_EQ(mount.Mkdir(path + "/" + std::string(254, 'g')), 0);
  EXPECT_EQ(mount.Put(path + "/" + std::string(254, 'g') + "/x", "1"), ENAMETOOLONG);
}

}  // namespace
}  // namespace ossfs2::test
