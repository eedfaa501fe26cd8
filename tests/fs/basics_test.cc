// Every operation once, and its errors.
#include <sys/xattr.h>

#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

class Basics : public ::testing::Test {
 protected:
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  TestMount mount_{*store_};
};

TEST_F(Basics, FileIsWrittenReadListedAndRemoved) {
  EXPECT_EQ(mount_.Put("a.txt", "hello"), 0);
  EXPECT_EQ(store_->Content("a.txt"), "hello");
  EXPECT_EQ(*mount_.Get("a.txt"), "hello");
  EXPECT_EQ(mount_.Stat("a.txt")->size, 5u);
  EXPECT_EQ(*mount_.List(""), std::vector<std::string>{"a.txt"});
  EXPECT_EQ(mount_.Unlink("a.txt"), 0);
  EXPECT_EQ(mount_.Stat("a.txt").error().errno_value, ENOENT);
  EXPECT_TRUE(store_->Keys().empty());
}

TEST_F(Basics, EmptyFileExistsAfterClose) {
  EXPECT_EQ(mount_.Put("empty", ""), 0);
  EXPECT_EQ(store_->Content("empty"), "");
  EXPECT_EQ(*mount_.Get("empty"), "");
}

TEST_F(Basics, BytesAreReadAndSizeIsShownWhileDirty) {
  const HandleId handle = *mount_.OpenPath("f", O_RDWR | O_CREAT);
  ASSERT_TRUE(mount_.Write(handle, 0, "abcdef"));
  EXPECT_EQ(*mount_.Read(handle, 2, 10), "cdef");
  EXPECT_EQ(mount_.Stat("f")->size, 6u);
  EXPECT_EQ(*mount_.List(""), std::vector<std::string>{"f"});
  EXPECT_FALSE(store_->Content("f").has_value());
  ASSERT_TRUE(mount_.fs().Fsync(handle));
  EXPECT_EQ(store_->Content("f"), "abcdef");
  ASSERT_TRUE(mount_.Write(handle, 6, "gh"));
  EXPECT_EQ(mount_.Close(handle), 0);
  EXPECT_EQ(store_->Content("f"), "abcdefgh");
}

TEST_F(Basics, PagesOfAMappingGoToTheirPlaceThroughAnyHandle) {
  EXPECT_EQ(mount_.Put("f", "12345"), 0);
  const HandleId mapped = *mount_.OpenPath("f", O_RDWR);
  const HandleId append = *mount_.OpenPath("f", O_RDWR | O_APPEND);
  ASSERT_TRUE(mount_.Write(append, 1, "XY", Writer::kMapping));
  // The other program did not write, so this close waits for no close of it.
  EXPECT_EQ(ErrnoOf(mount_.fs().Flush(mapped)), 0);
  EXPECT_EQ(store_->Content("f"), "1XY45");
  EXPECT_EQ(mount_.Close(mapped), 0);
  ASSERT_TRUE(mount_.Write(append, 1, "Z"));
  EXPECT_EQ(mount_.Close(append), 0);
  EXPECT_EQ(store_->Content("f"), "1XY45Z");
}

TEST_F(Basics, OpenFlags) {
  EXPECT_EQ(mount_.Put("f", "12345"), 0);
  EXPECT_EQ(mount_.OpenPath("f", O_WRONLY | O_CREAT | O_EXCL).error().errno_value, EEXIST);
  const HandleId append = *mount_.OpenPath("f", O_WRONLY | O_APPEND);
  ASSERT_TRUE(mount_.Write(append, 0, "6"));
  EXPECT_EQ(mount_.Close(append), 0);
  EXPECT_EQ(store_->Content("f"), "123456");
  EXPECT_EQ(mount_.Put("f", "x"), 0);
  EXPECT_EQ(store_->Content("f"), "x");
  const HandleId reader = *mount_.OpenPath("f", O_RDONLY);
  EXPECT_EQ(ErrnoOf(mount_.Write(reader, 0, "y")), EBADF);
  mount_.Close(reader);
  EXPECT_EQ(mount_.Mkdir("d"), 0);
  EXPECT_EQ(mount_.OpenPath("d", O_RDONLY).error().errno_value, EISDIR);
  EXPECT_EQ(mount_.OpenPath("missing", O_RDONLY).error().errno_value, ENOENT);
}

TEST_F(Basics, CreateOpensWhatAppearedRemotely) {
  ASSERT_TRUE(mount_.fs().OpenDirectory(kRootIno));
  store_->PutContent("late", "remote");
  auto made = mount_.fs().Create(kRootIno, "late", 0644, O_RDWR, Caller{});
  ASSERT_TRUE(made);
  EXPECT_EQ(*mount_.Read(made->second.handle, 0, 10), "remote");
  mount_.Close(made->second.handle);
}

TEST_F(Basics, ExclusiveCreateLosesToAnotherHostAtClose) {
  const HandleId handle = *mount_.OpenPath("lock", O_WRONLY | O_CREAT | O_EXCL);
  store_->PutContent("lock", "theirs");
  EXPECT_EQ(mount_.Close(handle), EEXIST);
  EXPECT_EQ(store_->Content("lock"), "theirs");
}

TEST_F(Basics, Directories) {
  EXPECT_EQ(mount_.Mkdir("d"), 0);
  EXPECT_TRUE(store_->Content("d/").has_value());
  EXPECT_EQ(mount_.Mkdir("d"), EEXIST);
  EXPECT_EQ(mount_.Mkdir("no/d"), ENOENT);
  EXPECT_EQ(mount_.Put("d/f", "1"), 0);
  EXPECT_EQ(mount_.Rmdir("d"), ENOTEMPTY);
  EXPECT_EQ(mount_.Rmdir("d/f"), ENOTDIR);
  EXPECT_EQ(mount_.Unlink("d"), EISDIR);
  EXPECT_EQ(mount_.Unlink("d/f"), 0);
  EXPECT_EQ(mount_.Rmdir("d"), 0);
  EXPECT_EQ(mount_.Rmdir("d"), ENOENT);
  EXPECT_TRUE(store_->Keys().empty());
}

TEST_F(Basics, RmdirAsksTheBucket) {
  EXPECT_EQ(mount_.Mkdir("d"), 0);
  store_->PutContent("d/remote", "1");
  EXPECT_EQ(mount_.Rmdir("d"), ENOTEMPTY);
  EXPECT_EQ(mount_.Unlink("missing"), ENOENT);
}

TEST_F(Basics, ImplicitDirectoryOutlivesItsLastChild) {
  store_->PutContent("a/b/f", "1");
  EXPECT_EQ(mount_.Unlink("a/b/f"), 0);
  EXPECT_EQ(mount_.List("a/b")->size(), 0u);
  EXPECT_EQ(store_->Keys(), std::vector<std::string>{"a/b/"});
  EXPECT_EQ(mount_.Rmdir("a/b"), 0);
  EXPECT_EQ(store_->Keys(), std::vector<std::string>{"a/"});
}

TEST_F(Basics, RenameOfFiles) {
  EXPECT_EQ(mount_.Put("a", "1"), 0);
  EXPECT_EQ(mount_.Put("b", "2"), 0);
  EXPECT_EQ(mount_.Mkdir("d"), 0);
  const Ino ino = mount_.InoOf("a");
  EXPECT_EQ(mount_.Rename("a", "b", RENAME_NOREPLACE), EEXIST);
  EXPECT_EQ(mount_.Rename("a", "b", RENAME_EXCHANGE), EINVAL);
  EXPECT_EQ(mount_.Rename("a", "d"), EISDIR);
  EXPECT_EQ(mount_.Rename("d", "a"), ENOTDIR);
  EXPECT_EQ(mount_.Rename("missing", "x"), ENOENT);
  EXPECT_EQ(mount_.Rename("a", "a"), 0);
  EXPECT_EQ(mount_.Rename("a", "b"), 0);
  EXPECT_EQ(mount_.InoOf("b"), ino);
  EXPECT_EQ(*mount_.Get("b"), "1");
  EXPECT_EQ(mount_.Rename("b", "d/c", RENAME_NOREPLACE), 0);
  EXPECT_EQ(store_->Content("d/c"), "1");
  EXPECT_EQ(mount_.Stat("b").error().errno_value, ENOENT);
  EXPECT_EQ(mount_.InoOf("d/c"), ino);
}

TEST_F(Basics, RenameOfDirectories) {
  EXPECT_EQ(mount_.Mkdir("a"), 0);
  EXPECT_EQ(mount_.Mkdir("a/sub"), 0);
  EXPECT_EQ(mount_.Put("a/sub/f", "data"), 0);
  EXPECT_EQ(mount_.Mkdir("full"), 0);
  EXPECT_EQ(mount_.Put("full/x", "x"), 0);
  EXPECT_EQ(mount_.Rename("a", "a/sub/in"), EINVAL);
  EXPECT_EQ(mount_.Rename("a", "full"), ENOTEMPTY);
  EXPECT_EQ(mount_.Rename("a/sub", "a"), ENOTEMPTY);
  const Ino ino = mount_.InoOf("a/sub/f");
  EXPECT_EQ(mount_.Rename("a", "b"), 0);
  EXPECT_EQ(store_->Content("b/sub/f"), "data");
  EXPECT_FALSE(store_->Content("a/sub/f").has_value());
  EXPECT_EQ(mount_.InoOf("b/sub/f"), ino);
  EXPECT_EQ(*mount_.Get("b/sub/f"), "data");
  EXPECT_EQ(mount_.Mkdir("empty"), 0);
  EXPECT_EQ(mount_.Rename("b", "empty"), 0);
  EXPECT_EQ(*mount_.Get("empty/sub/f"), "data");
}

TEST_F(Basics, OpenFilesSurviveRename) {
  EXPECT_EQ(mount_.Mkdir("d"), 0);
  const HandleId writer = *mount_.OpenPath("d/f", O_RDWR | O_CREAT);
  ASSERT_TRUE(mount_.Write(writer, 0, "one"));
  EXPECT_EQ(mount_.Rename("d/f", "d/g"), 0);
  EXPECT_EQ(store_->Content("d/g"), "one");
  ASSERT_TRUE(mount_.Write(writer, 3, "two"));
  EXPECT_EQ(mount_.Rename("d", "e"), 0);
  EXPECT_EQ(*mount_.Read(writer, 0, 10), "onetwo");
  ASSERT_TRUE(mount_.Write(writer, 6, "end"));
  EXPECT_EQ(mount_.Close(writer), 0);
  EXPECT_EQ(store_->Keys(), (std::vector<std::string>{"e/", "e/g"}));
  EXPECT_EQ(store_->Content("e/g"), "onetwoend");
}

TEST_F(Basics, UnlinkedFileStaysUsableAndIsNotStored) {
  const HandleId handle = *mount_.OpenPath("tmp", O_RDWR | O_CREAT);
  ASSERT_TRUE(mount_.Write(handle, 0, "scratch"));
  EXPECT_EQ(mount_.Unlink("tmp"), 0);
  EXPECT_EQ(*mount_.Read(handle, 0, 10), "scratch");
  ASSERT_TRUE(mount_.Write(handle, 7, "!"));
  EXPECT_EQ(*mount_.Read(handle, 0, 10), "scratch!");
  EXPECT_EQ(mount_.Put("tmp", "new"), 0);
  EXPECT_EQ(mount_.Close(handle), 0);
  EXPECT_EQ(store_->Content("tmp"), "new");
  EXPECT_EQ(*mount_.Get("tmp"), "new");
}

TEST_F(Basics, TruncateByPathAndHandle) {
  EXPECT_EQ(mount_.Put("f", "123456"), 0);
  EXPECT_EQ(mount_.Truncate("f", 3), 0);
  EXPECT_EQ(store_->Content("f"), "123");
  store_->ResetCounts();
  EXPECT_EQ(mount_.Truncate("f", 3), 0);
  EXPECT_EQ(CountAll(*store_), 0u);
  EXPECT_EQ(mount_.Truncate("f", 5), 0);
  EXPECT_EQ(store_->Content("f"), std::string("123\0\0", 5));
  EXPECT_EQ(mount_.Mkdir("d"), 0);
  EXPECT_EQ(mount_.Truncate("d", 0), EISDIR);
}

TEST_F(Basics, IdleHandleDoesNotStoreAnything) {
  const HandleId idle = *mount_.OpenPath("f", O_WRONLY | O_CREAT);
  const HandleId busy = *mount_.OpenPath("f", O_WRONLY | O_TRUNC);
  ASSERT_TRUE(mount_.Write(busy, 0, "data"));
  EXPECT_EQ(mount_.Close(busy), 0);
  EXPECT_EQ(store_->Content("f"), "data");
  EXPECT_EQ(mount_.Close(idle), 0);
  EXPECT_EQ(store_->Content("f"), "data");
  EXPECT_EQ(CountOf(*store_, {"put"}), 1u);
}

TEST_F(Basics, CloseOfOneOfSeveralWritersLeavesTheFileToTheLast) {
  const HandleId first = *mount_.OpenPath("f", O_WRONLY | O_CREAT);
  const HandleId second = *mount_.OpenPath("f", O_WRONLY);
  ASSERT_TRUE(mount_.Write(first, 0, "ab"));
  ASSERT_TRUE(mount_.Write(second, 2, "cd"));
  EXPECT_EQ(mount_.Close(first), 0);
  EXPECT_EQ(CountOf(*store_, {"put"}), 0u);
  EXPECT_EQ(mount_.Close(second), 0);
  EXPECT_EQ(store_->Content("f"), "abcd");
  EXPECT_EQ(CountOf(*store_, {"put"}), 1u);
}

TEST_F(Basics, Symlinks) {
  EXPECT_EQ(mount_.Put("target", "t"), 0);
  EXPECT_EQ(mount_.Mkdir("d"), 0);
  EXPECT_EQ(mount_.Symlink("../target", "d/link"), 0);
  EXPECT_EQ(mount_.Symlink("/abs/olute", "dangling"), 0);
  EXPECT_EQ(mount_.Symlink("x", "d/link"), EEXIST);
  EXPECT_EQ(*mount_.fs().ReadLink(mount_.InoOf("d/link")), "../target");
  EXPECT_TRUE(S_ISLNK(mount_.Stat("d/link")->mode));
  EXPECT_EQ(mount_.Stat("d/link")->size, 9u);
  EXPECT_EQ(*store_->GetSymlink("d/link"), "target");
  EXPECT_EQ(mount_.fs().ReadLink(mount_.InoOf("target")).error().errno_value, EINVAL);
  EXPECT_EQ(mount_.OpenPath("d/link", O_RDONLY).error().errno_value, ELOOP);
  EXPECT_EQ(mount_.Rename("d/link", "moved"), 0);
  TestMount fresh(*store_);
  EXPECT_EQ(fresh.List("")->size(), 4u);
  EXPECT_EQ(*fresh.fs().ReadLink(fresh.InoOf("moved")), "../target");
  EXPECT_EQ(*fresh.fs().ReadLink(fresh.InoOf("dangling")), "/abs/olute");
  ASSERT_TRUE(store_->PutSymlink("d/foreign", "target", {}));
  EXPECT_EQ(*fresh.fs().ReadLink(fresh.InoOf("d/foreign")), "../target");
}

TEST_F(Basics, RefusedKinds) {
  EXPECT_EQ(mount_.fs().MakeNode(kRootIno, "pipe", S_IFIFO | 0600, Caller{}).error().errno_value, EPERM);
  ASSERT_TRUE(mount_.fs().MakeNode(kRootIno, "node", S_IFREG | 0600, Caller{}));
  EXPECT_EQ(store_->Content("node"), "");
  FsOptions options;
  options.enable_symlink = false;
  options.allow_rename_dir = false;
  TestMount strict(*store_, options);
  EXPECT_EQ(strict.Symlink("a", "b"), EOPNOTSUPP);
  EXPECT_EQ(strict.Mkdir("dir"), 0);
  EXPECT_EQ(strict.Rename("dir", "dir2"), EOPNOTSUPP);
}

TEST_F(Basics, ReadOnlyMountRefusesEveryChange) {
  store_->PutContent("f", "1");
  FsOptions options;
  options.read_only = true;
  TestMount mount(*store_, options);
  AttrChange change;
  change.mode = 0600;
  EXPECT_EQ(*mount.Get("f"), "1");
  EXPECT_EQ(mount.Put("new", "1"), EROFS);
  EXPECT_EQ(mount.Put("f", "1"), EROFS);
  EXPECT_EQ(mount.Mkdir("d"), EROFS);
  EXPECT_EQ(mount.Unlink("f"), EROFS);
  EXPECT_EQ(mount.Rmdir("f"), EROFS);
  EXPECT_EQ(mount.Rename("f", "g"), EROFS);
  EXPECT_EQ(mount.Symlink("f", "l"), EROFS);
  EXPECT_EQ(mount.SetAttr("f", change), EROFS);
  EXPECT_EQ(ErrnoOf(mount.fs().SetXattr(mount.InoOf("f"), "user.a", "1", 0)), EROFS);
}

TEST_F(Basics, CopyFileRange) {
  const std::string text(3u << 20, 'x');
  EXPECT_EQ(mount_.Put("source", text), 0);
  const HandleId source = *mount_.OpenPath("source", O_RDONLY);
  const HandleId target = *mount_.OpenPath("target", O_WRONLY | O_CREAT);
  const Result<size_t> copied = mount_.fs().CopyFileRange(source, 0, target, 0, text.size() * 2);
  ASSERT_TRUE(copied);
  EXPECT_EQ(*copied, text.size());
  EXPECT_EQ(*mount_.fs().CopyFileRange(source, text.size(), target, text.size(), 10), 0u);
  EXPECT_EQ(mount_.Close(target), 0);
  EXPECT_EQ(store_->Content("target"), text);
  const HandleId small = *mount_.OpenPath("small", O_RDWR | O_CREAT);
  EXPECT_EQ(*mount_.fs().CopyFileRange(source, 5, small, 0, 7), 7u);
  EXPECT_EQ(mount_.fs().CopyFileRange(small, 0, small, 3, 7).error().errno_value, EINVAL);
  EXPECT_EQ(mount_.Close(small), 0);
  EXPECT_EQ(store_->Content("small"), "xxxxxxx");
  mount_.Close(source);
}

TEST_F(Basics, AllocateExtends) {
  const HandleId handle = *mount_.OpenPath("f", O_WRONLY | O_CREAT);
  EXPECT_TRUE(mount_.fs().Allocate(handle, 0, 0, 10));
  EXPECT_EQ(mount_.Stat("f")->size, 10u);
  EXPECT_EQ(mount_.Close(handle), 0);
  EXPECT_EQ(store_->Content("f"), std::string(10, '\0'));
}

TEST_F(Basics, StatFsIsHugeAndExplainNamesFacts) {
  EXPECT_GT(mount_.fs().StatFs()->blocks_free, 1ull << 40);
  EXPECT_EQ(mount_.Put("f", "1"), 0);
  const auto lines = *mount_.fs().Explain("f");
  EXPECT_NE(std::find(lines.begin(), lines.end(), "key: f"), lines.end());
  EXPECT_EQ(mount_.fs().Explain("none").error().errno_value, ENOENT);
  const auto root = *mount_.fs().Explain("");
  EXPECT_NE(std::find(root.begin(), root.end(), "believed: always"), root.end());
}

TEST_F(Basics, FlushAllStoresOpenFiles) {
  const HandleId handle = *mount_.OpenPath("f", O_WRONLY | O_CREAT);
  ASSERT_TRUE(mount_.Write(handle, 0, "open"));
  EXPECT_TRUE(mount_.fs().FlushAll(std::chrono::seconds(20)).empty());
  EXPECT_EQ(store_->Content("f"), "open");
  mount_.Close(handle);
}

TEST_F(Basics, AsynchronousCloseStoresAtRelease) {
  FsOptions options;
  options.sync_upload = false;
  TestMount mount(*store_, options);
  const HandleId handle = *mount.OpenPath("f", O_WRONLY | O_CREAT);
  ASSERT_TRUE(mount.Write(handle, 0, "later"));
  EXPECT_TRUE(mount.fs().Flush(handle));
  EXPECT_FALSE(store_->Content("f").has_value());
  mount.fs().Release(handle);
  EXPECT_EQ(store_->Content("f"), "later");
}

}  // namespace
}  // namespace ossfs2::test
