// Extents against a plain array, publication plans, and the staging folder.
#include <sys/stat.h>

#include "data/content/publication_plan.h"
#include "data/staging/extent_map.h"
#include "data/staging/staging_file.h"
#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

TEST(StagingExtents, MatchAnArray) {
  const uint64_t seed = TestSeed();
  std::mt19937_64 random(seed);
  constexpr size_t kSize = 200;
  ExtentMap extents;
  std::vector<int> model(kSize, -1);
  for (int step = 0; step < 3000; ++step) {
    const size_t begin = random() % kSize;
    const size_t end = begin + 1 + random() % (kSize - begin);
    const int kind = static_cast<int>(random() % 4) - 1;
    if (kind < 0)
      extents.Clear(begin, end);
    else
      extents.Set(begin, end, static_cast<ExtentKind>(kind));
    std::fill(model.begin() + static_cast<std::ptrdiff_t>(begin), model.begin() + static_cast<std::ptrdiff_t>(end),
              kind);
    uint64_t local = 0;
    uint64_t missing = 0;
    for (size_t i = 0; i < kSize; ++i) {
      const bool held = model[i] == 0 || model[i] == 2;
      local += held;
      if (i >= begin && i < end) missing += !held;
    }
    ASSERT_EQ(extents.LocalBytes(), local) << "seed " << seed;
    ASSERT_EQ(extents.MissingBytes(begin, end), missing);
    uint64_t at = 0;
    for (const ExtentMap::Run& run : extents.Runs(0, kSize)) {
      ASSERT_EQ(run.begin, at);
      for (; at < run.end; ++at) ASSERT_EQ(model[at], run.kind ? static_cast<int>(*run.kind) : -1);
    }
    ASSERT_EQ(at, kSize);
  }
}

TEST(StagingExtents, PublishedDataIsCacheAndZerosAreForgotten) {
  ExtentMap extents;
  extents.Set(0, 10, ExtentKind::kData);
  extents.Set(10, 20, ExtentKind::kCached);
  extents.Set(20, 30, ExtentKind::kZero);
  EXPECT_EQ(extents.DirtyEnd(), 30u);
  extents.MarkClean();
  EXPECT_EQ(extents.DirtyEnd(), 0u);
  EXPECT_EQ(extents.LocalBytes(), 20u);
  EXPECT_TRUE(extents.Covers(0, 20, ExtentKind::kCached));
}

std::vector<PlanPart> Plan(uint64_t size, std::vector<ContentRun> dirty, const UploadCells& cells) {
  PlanInput input;
  input.size = size;
  input.sent_early = [](size_t cell) { return cell == 7; };
  input.runs = [dirty](uint64_t begin, uint64_t end) {
    std::vector<ContentRun> runs;
    uint64_t at = begin;
    for (const ContentRun& run : dirty) {
      const uint64_t from = std::clamp(run.begin, at, end);
      const uint64_t to = std::clamp(run.end, at, end);
      if (from == to) continue;
      if (at < from) runs.push_back({at, from, ContentKind::kClean});
      runs.push_back({from, to, run.kind});
      at = to;
    }
    if (at < end) runs.push_back({at, end, ContentKind::kClean});
    return runs;
  };
  return PlanPublication(cells, input);
}

TEST(StagingPlan, MiddleChangeIsCopyDataCopy) {
  const UploadCells cells(8 * kMiB);
  const auto plan = Plan(24 * kMiB, {{10 * kMiB, 11 * kMiB, ContentKind::kDirty}}, cells);
  const std::vector<PlanPart> wanted{{1, 0, 8 * kMiB, PlanAction::kCopy},
                                     {4, 8 * kMiB, 10 * kMiB, PlanAction::kCopy},
                                     {5, 10 * kMiB, 11 * kMiB, PlanAction::kSend},
                                     {6, 11 * kMiB, 24 * kMiB, PlanAction::kCopy}};
  EXPECT_EQ(plan, wanted);
}

TEST(StagingPlan, PartsAreInOrderLongEnoughAndCoverTheFile) {
  const uint64_t seed = TestSeed();
  std::mt19937_64 random(seed);
  const UploadCells cells(kMiB);
  for (int round = 0; round < 300; ++round) {
    const uint64_t size = 1 + random() % (20 * kMiB);
    std::vector<ContentRun> dirty;
    for (uint64_t at = random() % kMiB; at < size;) {
      const uint64_t end = std::min(size, at + 1 + random() % (random() % 2 ? 1000 : 900'000));
      dirty.push_back({at, end, random() % 3 == 0 ? ContentKind::kZero : ContentKind::kDirty});
      at = end + 1 + random() % (random() % 2 ? 5000 : 2 * kMiB);
    }
    uint64_t at = 0;
    int number = 0;
    for (const PlanPart& part : Plan(size, dirty, cells)) {
      ASSERT_EQ(part.begin, at) << "seed " << seed;
      ASSERT_GT(part.number, number);
      ASSERT_TRUE(part.end - part.begin >= kPartBytesMin || part.end == size) << "seed " << seed;
      for (const ContentRun& run : dirty) {
        ASSERT_TRUE(part.action != PlanAction::kCopy || run.end <= part.begin || run.begin >= part.end);
      }
      at = part.end;
      number = part.number;
    }
    ASSERT_EQ(at, size);
  }
}

TEST(StagingFile, HolesAndCutsReadAsZeros) {
  TempFolder folder;
  StagingSpace space(folder.path() + "/deep/staging", 0, 0, 0);
  auto file = StagingFile::Open(space);
  ASSERT_TRUE(file) << file.error().ToString();
  struct stat attributes {};
  ASSERT_EQ(stat((folder.path() + "/deep/staging").c_str(), &attributes), 0);
  EXPECT_EQ(attributes.st_mode & 0777, 0700u);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path() + "/deep/staging"));
  ASSERT_TRUE((*file)->Write(100'000, Bytes("data")));
  ASSERT_TRUE((*file)->Write(200'000, Bytes("gone")));
  ASSERT_TRUE((*file)->Punch(200'001, 2));
  std::string out(6, 'x');
  ASSERT_TRUE((*file)->Read(199'999, {reinterpret_cast<std::byte*>(out.data()), out.size()}));
  EXPECT_EQ(out, std::string("\0g\0\0e\0", 6));
  const auto mapping = (*file)->Map(99'999, 6);
  ASSERT_TRUE(mapping);
  EXPECT_EQ(std::memcmp((*mapping)->bytes().data(), "\0data\0", 6), 0);
}

TEST(StagingSpace, BoundIsMetExactly) {
  TempFolder folder;
  StagingSpace space(folder.path(), 100, 0, 0);
  EXPECT_TRUE(space.Reserve(100));
  EXPECT_EQ(ErrnoOf(space.Reserve(1)), ENOSPC);
  space.Release(50);
  EXPECT_TRUE(space.Reserve(50));
  space.Release(100);
  EXPECT_EQ(space.UsedBytes(), 0u);
}

}  // namespace
}  // namespace ossfs2
