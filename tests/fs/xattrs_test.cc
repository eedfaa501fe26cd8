// Extended attributes: those of programs, and facts of the object.
#include <sys/xattr.h>

#include "oss/protocol/object_headers.h"
#include "tests/fs/attributes_fixture.h"

namespace ossfs2::test {
namespace {

using ExtendedAttributesTest = AttributesFixture;

TEST_F(ExtendedAttributesTest, Xattrs) {
  EXPECT_EQ(mount_.Put("f", "x"), 0);
  FileSystem& fs = mount_.fs();
  const Ino ino = mount_.InoOf("f");
  const std::string value("a\0b", 3);
  EXPECT_TRUE(fs.SetXattr(ino, "user.one", value, 0));
  EXPECT_EQ(ErrnoOf(fs.SetXattr(ino, "user.one", "x", XATTR_CREATE)), EEXIST);
  EXPECT_EQ(ErrnoOf(fs.SetXattr(ino, "user.two", "x", XATTR_REPLACE)), ENODATA);
  EXPECT_EQ(ErrnoOf(fs.SetXattr(ino, "trusted.x", "x", 0)), EOPNOTSUPP);
  EXPECT_EQ(ErrnoOf(fs.SetXattr(ino, "user.ossfs2.etag", "x", 0)), EPERM);
  EXPECT_EQ(ErrnoOf(fs.SetXattr(ino, "user.\xff", "x", 0)), EINVAL);
  EXPECT_EQ(ErrnoOf(fs.SetXattr(ino, "user.big", std::string(9000, 'x'), 0)), ENOSPC);
  EXPECT_EQ(ErrnoOf(fs.RemoveXattr(ino, "user.none")), ENODATA);
  EXPECT_EQ(*fs.ListXattr(ino), std::vector<std::string>{"user.one"});
  SaveAll(mount_);
  TestMount fresh(*store_);
  EXPECT_EQ(*fresh.fs().GetXattr(fresh.InoOf("f"), "user.one"), value);
  EXPECT_TRUE(fs.RemoveXattr(ino, "user.one"));
  SaveAll(mount_);
  EXPECT_FALSE(store_->MetadataOf("f")->contains("xattr"));
}

// Whatever setxattr took can be stored.
TEST_F(ExtendedAttributesTest, ManyXattrsStayWithinWhatTheServiceTakes) {
  EXPECT_EQ(mount_.Put("f", "x"), 0);
  const Ino ino = mount_.InoOf("f");
  int taken = 0;
  Status set;
  while ((set = mount_.fs().SetXattr(ino, "user.a" + std::to_string(100 + taken), "x", 0))) ++taken;
  EXPECT_EQ(ErrnoOf(set), ENOSPC);
  EXPECT_TRUE(set.error().text.starts_with("/f: ")) << set.error().text;  // the log has only this of the file
  EXPECT_GT(taken, 100);
  SaveAll(mount_);
  WriteOptions options;
  options.metadata = *store_->MetadataOf("f");
  oss::NameValues headers;
  EXPECT_TRUE(oss::AddWriteHeaders({}, "f", options, headers));
  size_t bytes = 0;
  for (const auto& [name, value] : headers)
    if (name.starts_with("x-oss-meta-")) bytes += name.size() + value.size();
  EXPECT_LE(bytes, kMetadataBytesMax);
  EXPECT_GT(bytes, kMetadataBytesMax - 200);
}

TEST_F(ExtendedAttributesTest, FactsAsXattrs) {
  EXPECT_EQ(mount_.Put("f", "x"), 0);
  FileSystem& fs = mount_.fs();
  const Ino ino = mount_.InoOf("f");
  EXPECT_EQ(*fs.GetXattr(ino, "user.ossfs2.key"), "f");
  EXPECT_EQ(fs.GetXattr(ino, "user.ossfs2.etag")->size(), 32u);
  EXPECT_EQ(*fs.GetXattr(ino, "user.ossfs2.storage-class"), "Standard");
  EXPECT_FALSE(fs.GetXattr(ino, "user.ossfs2.crc64")->empty());
  EXPECT_EQ(fs.GetXattr(ino, "user.ossfs2.what").error().errno_value, ENODATA);
}

}  // namespace
}  // namespace ossfs2::test
