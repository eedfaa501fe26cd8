// Handles of a file that was unlinked or replaced go on: read, write, truncate, fsync; nothing is published.
#include <algorithm>
#include <string>

#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

constexpr size_t kMiB = 1u << 20;

std::string Text(size_t size, char first) {
  std::string text(size, ' ');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(first + i / 1000 % 26);
  return text;
}

class Unlinked : public ::testing::Test {
 protected:
  std::string ReadAll(HandleId handle) {
    std::string all;
    for (;;) {
      const Result<std::string> piece = mount_->Read(handle, all.size(), kMiB);
      EXPECT_TRUE(piece) << piece.error().ToString();
      if (!piece || piece->empty()) return all;
      all += *piece;
    }
  }
  void WriteAll(HandleId handle, const std::string& text) {
    for (size_t at = 0; at < text.size(); at += 128 * 1024)
      ASSERT_TRUE(mount_->Write(handle, at, text.substr(at, 128 * 1024)));
  }
  // The handle's file has these bytes, goes on, and never shows up.
  void ExpectGoesOn(HandleId handle, Ino ino, std::string wanted) {
    ASSERT_TRUE(ReadAll(handle) == wanted);
    ASSERT_TRUE(mount_->Write(handle, wanted.size(), "more"));
    ASSERT_TRUE(mount_->Write(handle, 1, "X"));
    wanted += "more";
    wanted[1] = 'X';
    ASSERT_TRUE(ReadAll(handle) == wanted);
    const auto attr = mount_->fs().GetAttr(ino, handle);
    ASSERT_TRUE(attr);
    EXPECT_EQ(attr->attr.nlink, 0u);
    EXPECT_EQ(attr->attr.size, wanted.size());
    EXPECT_TRUE(mount_->fs().Fsync(handle));
    AttrChange change;
    change.size = wanted.size() / 2;
    ASSERT_TRUE(mount_->fs().SetAttr(ino, change, handle));
    ASSERT_TRUE(ReadAll(handle) == wanted.substr(0, wanted.size() / 2));
  }
  std::vector<std::string> KeysAfterUnmount() {
    mount_.reset();
    return store_->Keys();
  }

  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  std::unique_ptr<TestMount> mount_ = std::make_unique<TestMount>(*store_);
};

TEST_F(Unlinked, ScratchFileOfManyParts) {
  const HandleId handle = *mount_->OpenPath("scratch", O_RDWR | O_CREAT);
  const Ino ino = mount_->InoOf("scratch");
  EXPECT_EQ(mount_->Unlink("scratch"), 0);
  const std::string text = Text(20 * kMiB, 'a');
  WriteAll(handle, text);
  ExpectGoesOn(handle, ino, text);
  EXPECT_EQ(mount_->Close(handle), 0);
  EXPECT_TRUE(store_->Keys().empty());
}

TEST_F(Unlinked, FileThatWasBeingStreamed) {
  const HandleId handle = *mount_->OpenPath("f", O_RDWR | O_CREAT);
  const Ino ino = mount_->InoOf("f");
  const std::string text = Text(10 * kMiB + 5, 'a');
  WriteAll(handle, text);
  EXPECT_EQ(mount_->Unlink("f"), 0);
  EXPECT_EQ(mount_->Stat("f").error().errno_value, ENOENT);
  ExpectGoesOn(handle, ino, text);
  EXPECT_EQ(mount_->Close(handle), 0);
  EXPECT_TRUE(KeysAfterUnmount().empty());
}

TEST_F(Unlinked, StoredFileAndANewOneOfItsName) {
  const std::string text = Text(5 * kMiB, 'a');
  EXPECT_EQ(mount_->Put("d", text), 0);
  const HandleId reader = *mount_->OpenPath("d", O_RDONLY);
  const HandleId writer = *mount_->OpenPath("d", O_RDWR);
  const Ino ino = mount_->InoOf("d");
  EXPECT_EQ(*mount_->Read(reader, 0, 4), text.substr(0, 4));
  EXPECT_EQ(mount_->Unlink("d"), 0);
  EXPECT_TRUE(ReadAll(reader) == text);
  EXPECT_EQ(mount_->Put("d", "new"), 0);
  EXPECT_EQ(mount_->List("")->size(), 1u);  // the parked object is not shown
  ExpectGoesOn(writer, ino, text);
  EXPECT_EQ(mount_->Close(writer), 0);
  EXPECT_EQ(*mount_->Get("d"), "new");
  EXPECT_EQ(mount_->Close(reader), 0);
  EXPECT_EQ(KeysAfterUnmount(), (std::vector<std::string>{"d"}));
  EXPECT_EQ(store_->Content("d"), "new");
}

TEST_F(Unlinked, HandleThatNeverReadBefore) {
  const std::string text = Text(5 * kMiB, 'a');
  EXPECT_EQ(mount_->Put("f", text), 0);
  const HandleId reader = *mount_->OpenPath("f", O_RDONLY);
  EXPECT_EQ(mount_->Unlink("f"), 0);
  EXPECT_TRUE(ReadAll(reader) == text);
  EXPECT_EQ(mount_->Close(reader), 0);
  EXPECT_TRUE(KeysAfterUnmount().empty());
}

TEST_F(Unlinked, ReplacedByARename) {
  for (const size_t size : {size_t{10}, 5 * kMiB}) {
    const std::string text = Text(size, 'a');
    EXPECT_EQ(mount_->Put("target", text), 0);
    EXPECT_EQ(mount_->Put("source", "replacement"), 0);
    const HandleId handle = *mount_->OpenPath("target", O_RDWR);
    const Ino ino = mount_->InoOf("target");
    EXPECT_EQ(mount_->Rename("source", "target"), 0);
    EXPECT_EQ(*mount_->Get("target"), "replacement");
    ExpectGoesOn(handle, ino, text);
    EXPECT_EQ(mount_->Close(handle), 0);
    EXPECT_EQ(*mount_->Get("target"), "replacement");
    EXPECT_EQ(store_->Content("target"), "replacement");
  }
  EXPECT_EQ(KeysAfterUnmount(), (std::vector<std::string>{"target"}));
}

TEST_F(Unlinked, DirtyFileReplacedByADirtyOne) {
  const HandleId old_file = *mount_->OpenPath("target", O_RDWR | O_CREAT);
  const Ino ino = mount_->InoOf("target");
  const std::string text = Text(3 * kMiB, 'a');
  WriteAll(old_file, text);
  const HandleId new_file = *mount_->OpenPath("source", O_RDWR | O_CREAT);
  ASSERT_TRUE(mount_->Write(new_file, 0, "new"));
  EXPECT_EQ(mount_->Rename("source", "target"), 0);
  ASSERT_TRUE(mount_->Write(new_file, 3, "er"));
  ExpectGoesOn(old_file, ino, text);
  EXPECT_EQ(mount_->Close(old_file), 0);
  EXPECT_EQ(mount_->Close(new_file), 0);
  EXPECT_EQ(KeysAfterUnmount(), (std::vector<std::string>{"target"}));
  EXPECT_EQ(store_->Content("target"), "newer");
}

TEST_F(Unlinked, ClosedFileCostsNothingMore) {
  EXPECT_EQ(mount_->Put("f", Text(5 * kMiB, 'a')), 0);
  EXPECT_EQ(mount_->Get("f")->size(), 5 * kMiB);
  store_->ResetCounts();
  EXPECT_EQ(mount_->Unlink("f"), 0);
  EXPECT_EQ(CountOf(*store_, {"copy", "get", "put"}), 0u);
  EXPECT_EQ(CountOf(*store_, {"delete"}), 1u);
}

TEST_F(Unlinked, OpenAgainWhileAHandleIsLeftAndNotAfter) {
  EXPECT_EQ(mount_->Put("f", "text"), 0);
  const HandleId handle = *mount_->OpenPath("f", O_RDWR);
  const Ino ino = mount_->InoOf("f");  // keeps the inode known, as an O_PATH descriptor does
  EXPECT_EQ(mount_->Unlink("f"), 0);
  const auto again = mount_->fs().Open(ino, O_RDWR);  // /proc/self/fd
  ASSERT_TRUE(again);
  ASSERT_TRUE(mount_->Write(again->handle, 4, "!"));
  EXPECT_EQ(ReadAll(handle), "text!");
  EXPECT_EQ(mount_->Close(again->handle), 0);
  EXPECT_EQ(mount_->Close(handle), 0);
  EXPECT_EQ(mount_->fs().Open(ino, O_RDONLY).error().errno_value, ESTALE);
}

}  // namespace
}  // namespace ossfs2::test
