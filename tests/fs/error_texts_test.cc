// Errors name what they are about, and what to do next: the log has nothing but their text.
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

class ErrorTexts : public ::testing::Test {
 protected:
  template <class T>
  static std::string TextOf(const Result<T>& result) {
    return result ? "" : result.error().text;
  }
  static bool Has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  TestMount mount_{*store_};
};

TEST_F(ErrorTexts, AFileThatWasReplacedIsNamedWithItsPath) {
  store_->PutContent("dir/f", "old");
  const HandleId handle = *mount_.OpenPath("dir/f", O_RDONLY);
  const Ino ino = mount_.InoOf("dir/f");
  store_->PutContent("dir/f", "newer");
  ASSERT_TRUE(mount_.fs().SetAttr(ino, {.mode = 0600}, std::nullopt));
  const Status saved = mount_.fs().Fsync(handle);
  ASSERT_EQ(ErrnoOf(saved), ESTALE);
  EXPECT_TRUE(Has(TextOf(saved), "/dir/f was removed or replaced")) << TextOf(saved);
  EXPECT_TRUE(Has(TextOf(saved), "Open it again")) << TextOf(saved);
  mount_.Close(handle);
}

TEST_F(ErrorTexts, AFileThatWasRemovedIsNamed) {
  store_->PutContent("dir/f", "text");
  const Ino ino = mount_.InoOf("dir/f");
  ASSERT_EQ(mount_.Unlink("dir/f"), 0);
  const Result<Opened> opened = mount_.fs().Open(ino, O_RDONLY);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().errno_value, ESTALE);
  EXPECT_TRUE(Has(TextOf(opened), "'f' was removed or replaced")) << TextOf(opened);
}

TEST_F(ErrorTexts, AnInodeThatNobodyKnowsIsNamedByItsNumber) {
  const Result<AttrReply> attr = mount_.fs().GetAttr(4711, std::nullopt);
  ASSERT_FALSE(attr);
  EXPECT_TRUE(Has(TextOf(attr), "4711")) << TextOf(attr);
}

TEST_F(ErrorTexts, WhatIsNoFileIsNamedWithItsPath) {
  ASSERT_EQ(mount_.Mkdir("dir"), 0);
  ASSERT_EQ(mount_.Symlink("to", "dir/link"), 0);
  store_->PutContent("dir/f", "text");
  FileSystem& fs = mount_.fs();
  EXPECT_TRUE(Has(TextOf(fs.Open(mount_.InoOf("dir"), O_RDONLY)), "/dir"));
  EXPECT_TRUE(Has(TextOf(fs.Open(mount_.InoOf("dir/link"), O_RDONLY)), "/dir/link"));
  EXPECT_TRUE(Has(TextOf(fs.SetAttr(mount_.InoOf("dir/link"), {.size = 1}, std::nullopt)), "/dir/link"));
  EXPECT_TRUE(Has(TextOf(fs.ReadLink(mount_.InoOf("dir/f"))), "/dir/f"));
  EXPECT_TRUE(Has(TextOf(fs.OpenDirectory(mount_.InoOf("dir/f"))), "/dir/f"));
  EXPECT_TRUE(Has(TextOf(fs.SetXattr(mount_.InoOf("dir/link"), "user.x", "1", 0)), "/dir/link"));
  EXPECT_TRUE(Has(TextOf(fs.Rename(kRootIno, "dir", mount_.InoOf("dir"), "sub", 0)), "/dir"));
}

TEST_F(ErrorTexts, NamesThatAreTooLongAreShownInPart) {
  const std::string long_name(300, 'x');
  const std::string text = TextOf(mount_.fs().MakeDirectory(kRootIno, long_name, 0777, Caller{}));
  EXPECT_TRUE(Has(text, long_name.substr(0, 60))) << text;
  EXPECT_FALSE(Has(text, long_name.substr(0, 100))) << text;
}

TEST_F(ErrorTexts, KeysThatAreTooLongNameTheirLastPart) {
  std::string path;
  for (int i = 0; i < 4; ++i) {
    path += (i > 0 ? "/" : "") + std::string(250, 'd');
    ASSERT_EQ(mount_.Mkdir(path), 0);
  }
  const std::string text =
      TextOf(mount_.fs().MakeDirectory(mount_.InoOf(path), "a-name-that-is-too-long", 0777, Caller{}));
  EXPECT_TRUE(Has(text, "'a-name-that-is-too-long'")) << text;
  EXPECT_TRUE(Has(text, "shorter")) << text;
}

TEST_F(ErrorTexts, ARenameThatMovesTooMuchNamesTheDirectory) {
  FsOptions options;
  options.rename_dir_limit = 2;
  TestMount mount(*store_, options);
  for (const char* key : {"dir/a", "dir/b", "dir/c"}) store_->PutContent(key, "x");
  const Status moved = mount.fs().Rename(kRootIno, "dir", kRootIno, "other", 0);
  EXPECT_EQ(ErrnoOf(moved), EMFILE);
  EXPECT_TRUE(Has(TextOf(moved), "dir/ has more than 2 files")) << TextOf(moved);
  EXPECT_TRUE(Has(TextOf(moved), "rename_dir_limit")) << TextOf(moved);
}

TEST_F(ErrorTexts, AttributesThatCannotBeSetAreNamed) {
  store_->PutContent("f", "text");
  FileSystem& fs = mount_.fs();
  const Ino ino = mount_.InoOf("f");
  EXPECT_TRUE(Has(TextOf(fs.SetXattr(ino, "trusted.x", "1", 0)), "'trusted.x'"));
  EXPECT_TRUE(Has(TextOf(fs.SetXattr(ino, "user.ossfs2.etag", "1", 0)), "'user.ossfs2.etag'"));
  EXPECT_TRUE(Has(TextOf(fs.SetXattr(ino, "user.x", std::string(9000, 'x'), 0)), "/f: "));
  EXPECT_TRUE(Has(TextOf(fs.GetXattr(ino, "user.missing")), "'user.missing'"));
}

// Each change fits, and all together do not.
TEST_F(ErrorTexts, AFileWhoseAttributesAreTooLargeToStoreIsNamed) {
  const HandleId handle = *mount_.OpenPath("f", O_WRONLY | O_CREAT);
  FileSystem& fs = mount_.fs();
  const Ino ino = mount_.InoOf("f");
  size_t bytes = 8192;
  while (bytes > 0 && !fs.SetXattr(ino, "user.x", std::string(bytes, 'x'), 0)) --bytes;
  ASSERT_TRUE(fs.SetAttr(ino, {.mode = 0600, .uid = 4000000, .gid = 4000000}, std::nullopt));
  ASSERT_TRUE(mount_.Write(handle, 0, "text"));
  const Status stored = fs.Flush(handle);
  ASSERT_EQ(ErrnoOf(stored), ENOSPC);
  EXPECT_TRUE(Has(TextOf(stored), "f: ")) << TextOf(stored);
  EXPECT_TRUE(Has(TextOf(stored), "Remove extended attributes")) << TextOf(stored);
  mount_.Close(handle);
}

TEST_F(ErrorTexts, AReadOnlyMountNamesWhatCannotBeChanged) {
  FsOptions options;
  options.read_only = true;
  TestMount mount(*store_, options);
  store_->PutContent("dir/f", "text");
  const Ino directory = mount.InoOf("dir");
  const Ino file = mount.InoOf("dir/f");
  FileSystem& fs = mount.fs();
  for (const std::string& text :
       {TextOf(fs.Unlink(directory, "f")), TextOf(fs.Open(file, O_WRONLY)),
        TextOf(fs.SetAttr(file, {.mode = 0600}, {})), TextOf(fs.MakeDirectory(directory, "f", 0777, Caller{}))}) {
    EXPECT_TRUE(Has(text, "f' cannot be changed")) << text;
    EXPECT_TRUE(Has(text, "read-only")) << text;
  }
}

TEST_F(ErrorTexts, AHandleThatIsNotOpenIsNamedByItsNumber) {
  EXPECT_TRUE(Has(TextOf(mount_.fs().Fsync(4711)), "4711"));
}

}  // namespace
}  // namespace ossfs2::test
