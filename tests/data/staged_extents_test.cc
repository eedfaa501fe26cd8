// Files that are written in more places than may be told apart: the number of extents stays within its bound, and the
// content right.
#include <gmock/gmock.h>
#include <linux/falloc.h>

#include <cerrno>

#include "base/report/metrics.h"
#include "data/staging/extent_budget.h"
#include "data/staging/extent_map.h"
#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

// --- which extents lie close to each other ---

TEST(CloseExtents, AreThoseThatATableFinds) {
  const uint64_t seed = TestSeed();
  std::mt19937_64 random(seed);
  for (int round = 0; round < 500; ++round) {
    ExtentMap map;
    for (int i = 0; i < 30; ++i) {
      const uint64_t begin = random() % 300;
      map.Set(begin, begin + 1 + random() % 20, static_cast<ExtentKind>(random() % 3));
    }
    const uint64_t gap_max = 1 + random() % 12;
    const uint64_t length_min = 1 + random() % 60;
    uint64_t at = 0;
    while (const auto close = map.FindClose(at, gap_max, length_min)) {
      ASSERT_LT(close->first, close->second) << "seed " << seed;
      ASSERT_GE(close->first, at);
      uint64_t gap = 0;
      size_t extents = 0;
      for (const ExtentMap::Run& run : map.Runs(close->first, close->second)) {
        const bool waits = run.kind && *run.kind != ExtentKind::kCached;
        gap = waits ? 0 : gap + run.end - run.begin;
        extents += waits;
        ASSERT_LE(gap, gap_max) << "seed " << seed;
        ASSERT_TRUE(run.kind != ExtentKind::kZero || run.end - run.begin <= gap_max);
      }
      ASSERT_EQ(gap, 0u) << "it ends with one";
      ASSERT_GE(extents, 2u);
      const size_t before = map.count();
      map.Set(close->first, close->second, ExtentKind::kData);
      ASSERT_LT(map.count(), before);
      at = close->second;
    }
    // All that were close are joined, but for the borders between the ranges that were found.
    size_t left = 0;
    std::optional<uint64_t> last;
    for (const ExtentMap::Run& run : map.Extents()) {
      if (run.kind == ExtentKind::kCached) continue;
      if (run.kind == ExtentKind::kZero && run.end - run.begin > gap_max) {
        last.reset();
        continue;
      }
      if (last && run.begin - *last <= gap_max) ++left;
      last = run.end;
    }
    ASSERT_LE(left, 320 / length_min + 1) << "seed " << seed;
  }
}

// --- files ---

class StagedExtents : public WriteFixture {
 protected:
  static constexpr size_t kExtentsMax = 4096;  // a 64th of the pool, at 64 bytes each
  static constexpr size_t kOfOneFile = kExtentsMax / 2;

  StagedExtents() { SetPool(MemoryPool::kLimitBytesMin); }

  static int64_t Extents() { return Registry::Default().gauge("staged_extents", "").Value(); }

  // Every second piece of [begin, end).
  void WriteEverySecond(WriteFile& file, std::string& content, uint64_t begin, uint64_t end, uint64_t piece) {
    for (uint64_t at = begin; at < end; at += 2 * piece) {
      MustWrite(file, at, std::string(piece, 'w'));
      content.replace(at, piece, piece, 'w');
      ASSERT_LE(Extents(), static_cast<int64_t>(kOfOneFile) + 2);
      if (HasFatalFailure()) return;
    }
  }
};

TEST_F(StagedExtents, EverySecondPieceOfAFileIsWrittenWithinTheBound) {
  std::string content = Random(16 * kMiB, 1);
  store_->PutContent("file", content);
  auto file = OpenFile();
  MustWrite(*file, 15 * kMiB, "staged");
  content.replace(15 * kMiB, 6, "staged");
  WriteEverySecond(*file, content, 0, content.size(), 512);
  EXPECT_LE(Count("get"), 64u * 3) << "what lies between is fetched together";
  EXPECT_TRUE(ReadAll(*file) == content);
  MustPublish(*file);
  ExpectContent("file", content);
  file.reset();
  EXPECT_EQ(Extents(), 0);
}

TEST_F(StagedExtents, BytesFarFromEachOtherInANewFileAreKeptWithinTheBound) {
  auto file = NewFile();
  constexpr uint64_t kStep = 1'500'000;
  constexpr int kPieces = 2500;
  for (int i = kPieces; i > 0; --i) {
    MustWrite(*file, static_cast<uint64_t>(i) * kStep, "x");
    ASSERT_LE(Extents(), static_cast<int64_t>(kOfOneFile) + 2);
  }
  EXPECT_EQ(Count("get"), 0u);
  std::string out(3, '?');
  for (int i = 1; i <= kPieces; ++i) {
    const uint64_t length = i < kPieces ? 3 : 2;
    ASSERT_EQ(file->Read(static_cast<uint64_t>(i) * kStep - 1, {reinterpret_cast<std::byte*>(out.data()), 3}).value(),
              length);
    ASSERT_EQ(out.substr(0, length), std::string("\0x\0", length));
  }
  file->Discard();
}

TEST_F(StagedExtents, HolesCountAsWell) {
  std::string content = Random(8 * kMiB, 2);
  store_->PutContent("file", content);
  auto file = OpenFile();
  for (uint64_t at = 0; at < content.size(); at += 1024) {
    ASSERT_TRUE(file->Allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, 512));
    content.replace(at, 512, 512, '\0');
    ASSERT_LE(Extents(), static_cast<int64_t>(kOfOneFile) + 2);
  }
  MustPublish(*file);
  ExpectContent("file", content);
}

TEST_F(StagedExtents, FilesTogetherStayWithinTheBoundAndWhatEachMayHaveAtLeast) {
  constexpr size_t kFiles = 6;
  const std::string content = Random(3 * kMiB, 3);
  std::vector<std::shared_ptr<WriteFile>> files;
  std::vector<std::string> wanted(kFiles, content);
  for (size_t i = 0; i < kFiles; ++i) {
    store_->PutContent("file" + std::to_string(i), content);
    files.push_back(OpenFile("file" + std::to_string(i)));
  }
  for (uint64_t at = 0; at < content.size(); at += 1024) {
    for (size_t i = 0; i < kFiles; ++i) {
      MustWrite(*files[i], at, std::string(512, 'w'));
      wanted[i].replace(at, 512, 512, 'w');
    }
    ASSERT_LE(Extents(), static_cast<int64_t>(kExtentsMax + kFiles * (ExtentBudget::kFileExtentsMin + 2)));
  }
  for (size_t i = 0; i < kFiles; ++i) {
    MustPublish(*files[i]);
    ExpectContent("file" + std::to_string(i), wanted[i]);
  }
}

TEST_F(StagedExtents, AWriteThatCannotFetchWhatLiesBetweenFailsAndGoesOnLater) {
  std::string content = Random(4 * kMiB, 4);
  store_->PutContent("file", content);
  auto file = OpenFile();
  uint64_t at = 0;
  for (size_t i = 0; i < kOfOneFile; ++i, at += 1024) {
    MustWrite(*file, at, "w");
    content[at] = 'w';
  }
  Fail("get", EIO, ErrorKind::kUnavailable);
  EXPECT_EQ(ErrnoOf(WriteAt(*file, at, "w")), EIO);
  EXPECT_TRUE(file->sticky_error());
  EXPECT_TRUE(ReadAll(*file) == content);
  MustWrite(*file, at, "w");
  content[at] = 'w';
  MustPublish(*file);
  ExpectContent("file", content);
}

TEST_F(StagedExtents, WithoutRoomForWhatLiesBetweenTheErrorSaysSo) {
  options_.staging_bytes_max = 256 * kKiB;
  std::string content = Random(4 * kMiB, 5);
  store_->PutContent("file", content);
  auto file = OpenFile();
  Status status;
  uint64_t at = 0;
  for (; status && at < content.size(); at += 1024) {
    status = WriteAt(*file, at, "w");
    if (status) content[at] = 'w';
  }
  ASSERT_EQ(ErrnoOf(status), ENOSPC);
  EXPECT_THAT(status.error().text, testing::HasSubstr("file is written in too many places"));
  EXPECT_THAT(status.error().text, testing::HasSubstr("256 KiB allowed"));
  EXPECT_TRUE(ReadAll(*file) == content);
  MustPublish(*file);
  ExpectContent("file", content);
}

// What is read is kept only while it makes no extents that are too many.
TEST_F(StagedExtents, ReadingWhatLiesBetweenStaysWithinTheBound) {
  std::string content = Random(4 * kMiB, 6);
  store_->PutContent("file", content);
  auto file = OpenFile();
  WriteEverySecond(*file, content, 0, (kOfOneFile - 100) * 1024, 512);
  constexpr size_t kReadBytes = 128 * kKiB;  // as the kernel reads
  std::string out(kReadBytes, '\0');
  for (uint64_t at = 0; at + kReadBytes <= content.size(); at += kReadBytes) {
    ASSERT_EQ(file->Read(at, {reinterpret_cast<std::byte*>(out.data()), kReadBytes}).value(), kReadBytes);
    ASSERT_TRUE(out == content.substr(at, kReadBytes)) << at;
    ASSERT_LE(Extents(), static_cast<int64_t>(kOfOneFile + 1024 + 2)) << "those of one MiB more";
  }
}

// As a database that patches a file here and there, with a model.
TEST_F(StagedExtents, RandomPatchesMatchAModel) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(testing::Message() << "OSSFS2_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  const auto any = [&random](uint64_t bound) { return bound == 0 ? 0 : random() % bound; };
  std::string content = Random(3 * kMiB, seed);
  store_->PutContent("file", content);
  auto file = OpenFile();
  for (int step = 0; step < 20'000; ++step) {
    const uint64_t kind = any(2000);
    if (kind == 0) {
      content.resize(content.size() - any(100'000) + any(100'000));
      ASSERT_TRUE(file->Truncate(content.size()));
    } else if (kind < 3) {
      MustPublish(*file);
      ExpectContent("file", content);
    } else if (kind < 20) {
      const uint64_t at = any(content.size());
      const uint64_t length = std::min<uint64_t>(any(200'000), content.size() - at);
      std::string out(length, '\0');
      ASSERT_EQ(file->Read(at, {reinterpret_cast<std::byte*>(out.data()), length}).value(), length);
      ASSERT_TRUE(out == content.substr(at, length)) << "a read at " << at;
    } else if (kind < 400) {
      const uint64_t at = any(content.size());
      const uint64_t length = std::min<uint64_t>(1 + any(500), content.size() - at);
      if (length == 0) continue;
      ASSERT_TRUE(file->Allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, length));
      content.replace(at, length, length, '\0');
    } else {
      const uint64_t at = any(content.size());
      const std::string data = Random(1 + any(100), random());
      MustWrite(*file, at, data);
      content.replace(at, std::min<uint64_t>(data.size(), content.size() - at), data);
    }
    ASSERT_LE(Extents(), static_cast<int64_t>(kOfOneFile + 600));
    if (HasFatalFailure()) return;
  }
  MustPublish(*file);
  ExpectContent("file", content);
}

}  // namespace
}  // namespace ossfs2
