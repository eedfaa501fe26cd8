// direct_io mounts: every open passes the page cache by, until programs map files of that folder.
#include <fcntl.h>

#include <future>

#include "mount_fixture.h"

namespace ossfs2::test {
namespace {

class DirectOpens : public testing::Test {
 protected:
  DirectOpens() {
    for (const char* name : {"model/a", "model/b", "other/c"}) store_->PutContent(name, std::string(8192, 'x'));
  }
  static FsOptions Options() {
    FsOptions options;
    options.direct_io = true;
    return options;
  }
  Opened Open(const std::string& path, int flags = O_RDONLY) {
    const Ino ino = mount_.InoOf(path);
    auto fast = mount_.fs().TryOpen(ino, flags);
    return fast ? fast->value() : mount_.fs().Open(ino, flags).value();
  }
  bool IsDirect(const std::string& path, int flags = O_RDONLY) {
    const Opened opened = Open(path, flags);
    EXPECT_EQ(mount_.Close(opened.handle), 0);
    return opened.direct_io;
  }
  // What the kernel reads for a map, or for a program.
  void Read(HandleId handle, ReadInto into) {
    std::promise<size_t> got;
    mount_.fs().Read(handle, 0, 4096, into, [&](const Result<ReadReply>& reply) {
      got.set_value(reply ? reply->bytes : 0);
    });
    EXPECT_EQ(got.get_future().get(), 4096u);
  }
  void Map(const std::string& path) {
    const Opened opened = Open(path);
    Read(opened.handle, ReadInto::kPageCache);
    EXPECT_EQ(mount_.Close(opened.handle), 0);
  }

  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  FakeClock clock_;
  TestMount mount_{*store_, Options(), clock_};
};

TEST_F(DirectOpens, PassThePageCacheByWhateverIsRead) {
  const Opened opened = Open("model/a");
  EXPECT_TRUE(opened.direct_io);
  Read(opened.handle, ReadInto::kProgram);
  EXPECT_TRUE(IsDirect("model/a"));
  EXPECT_TRUE(IsDirect("model/b"));
  EXPECT_EQ(mount_.Close(opened.handle), 0);
}

TEST_F(DirectOpens, UseThePageCacheBesideAFileThatIsMapped) {
  Map("model/a");
  EXPECT_FALSE(IsDirect("model/a"));
  EXPECT_FALSE(IsDirect("model/b"));
  EXPECT_TRUE(IsDirect("other/c"));
  EXPECT_TRUE(IsDirect("model/b", O_RDWR)) << "who writes passes it by";
}

// Pages of the old bytes could stay (fuse_direct_io of kernels before 6.18).
TEST_F(DirectOpens, NobodyReadsByThePageCacheWhatOthersWritePastIt) {
  Map("model/a");
  const Opened reader = Open("model/b");
  ASSERT_FALSE(reader.direct_io);
  EXPECT_FALSE(IsDirect("model/b", O_RDWR));
  EXPECT_EQ(mount_.Close(reader.handle), 0);
  const Opened writer = Open("model/b", O_RDWR);
  ASSERT_TRUE(writer.direct_io);
  EXPECT_TRUE(IsDirect("model/b"));
  EXPECT_FALSE(IsDirect("model/a"));
  EXPECT_EQ(mount_.Close(writer.handle), 0);
  EXPECT_FALSE(IsDirect("model/b"));
}

TEST_F(DirectOpens, PassItByAgainAMinuteLater) {
  Map("model/a");
  clock_.Advance(std::chrono::seconds(59));
  EXPECT_FALSE(IsDirect("model/b"));
  clock_.Advance(std::chrono::seconds(2));
  EXPECT_TRUE(IsDirect("model/b"));
}

TEST_F(DirectOpens, UseThePageCacheAsLongAsAFileIsMapped) {
  const Opened opened = Open("model/a");
  for (int half_minutes = 0; half_minutes < 6; ++half_minutes) {
    Read(opened.handle, ReadInto::kPageCache);
    clock_.Advance(std::chrono::seconds(30));
    EXPECT_FALSE(IsDirect("model/b"));
  }
  EXPECT_EQ(mount_.Close(opened.handle), 0);
}

// Programs that read what was opened for the page cache are no sign of maps.
TEST_F(DirectOpens, ReadsThatWereLedIntoThePageCacheDoNotKeepThemThere) {
  Map("model/a");
  const Opened opened = Open("model/b");
  clock_.Advance(std::chrono::seconds(40));
  Read(opened.handle, ReadInto::kPageCache);
  clock_.Advance(std::chrono::seconds(40));
  EXPECT_TRUE(IsDirect("model/b"));
  EXPECT_EQ(mount_.Close(opened.handle), 0);
}

}  // namespace
}  // namespace ossfs2::test
