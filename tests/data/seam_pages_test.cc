// The pages that writes share: what is known of them, and that it is never older than the file.
#include "data/write/seam_pages.h"

#include <map>
#include <set>

#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

std::map<uint64_t, std::string> ByOffset(const std::vector<KeptPage>& pages) {
  std::map<uint64_t, std::string> out;
  for (const KeptPage& page : pages)
    out[page.offset] = std::string(reinterpret_cast<const char*>(page.bytes->data()), page.bytes->size());
  return out;
}

// With pages of that size.
class SeamPagesTest : public ::testing::TestWithParam<size_t> {
 protected:
  void Write(uint64_t offset, const std::string& data) {
    pages_.Note(offset, Bytes(data));
    pages_.DropCovered(offset, offset + data.size());
  }
  std::map<uint64_t, std::string> Known(uint64_t size) { return ByOffset(pages_.Known(size)); }

  const size_t page_ = GetParam();
  SeamBudget budget_{100, page_};
  SeamPages pages_{budget_};
};

TEST_P(SeamPagesTest, AreCountedByAMetric) {
  const Gauge& bytes = Registry::Default().gauge("kept_page_bytes", "", "of=\"writers\"");
  ASSERT_EQ(bytes.Value(), 0);
  Write(0, Random(10, 1));
  Write(5 * page_ + 10, Random(20, 2));
  EXPECT_EQ(bytes.Value(), static_cast<int64_t>(2 * page_));
  SeamBudget none(0, page_);
  SeamPages refused(none);
  refused.Note(0, Bytes("a"));
  EXPECT_EQ(bytes.Value(), static_cast<int64_t>(2 * page_));
  pages_.Clear();
  EXPECT_EQ(bytes.Value(), 0);
}

TEST_P(SeamPagesTest, KeepsWhatTwoWritesShareAndTheEnd) {
  const std::string data = Random(3 * page_ + 10, 1);
  Write(0, data.substr(0, page_ + 100));
  Write(page_ + 100, data.substr(page_ + 100));
  EXPECT_EQ(Known(data.size()), (std::map<uint64_t, std::string>{{page_, data.substr(page_, page_)},
                                                                 {3 * page_, data.substr(3 * page_)}}));
  EXPECT_TRUE(Known(page_).empty());
  EXPECT_EQ(Known(data.size() + 1).size(), 1u);  // a zero that nobody wrote follows the end
}

TEST_P(SeamPagesTest, WholePagesCostNothing) {
  Write(0, Random(8 * page_, 1));
  EXPECT_EQ(budget_.used(), 0u);
}

TEST_P(SeamPagesTest, HalvesWithAGapAreNotAPage) {
  Write(0, std::string(1000, 'a'));
  Write(1001, std::string(page_ - 1001, 'b'));
  EXPECT_TRUE(Known(page_).empty());
  Write(0, std::string(1001, 'c'));  // in front of what is known
  EXPECT_EQ(Known(page_),
            (std::map<uint64_t, std::string>{{0, std::string(1001, 'c') + std::string(page_ - 1001, 'b')}}));
}

TEST_P(SeamPagesTest, AGivenPageStaysAsItWas) {
  Write(0, std::string(100, 'a'));
  const std::vector<KeptPage> first = pages_.Known(100);
  Write(50, std::string(100, 'b'));
  EXPECT_EQ(ByOffset(first), (std::map<uint64_t, std::string>{{0, std::string(100, 'a')}}));
  EXPECT_EQ(Known(150), (std::map<uint64_t, std::string>{{0, std::string(50, 'a') + std::string(100, 'b')}}));
}

TEST_P(SeamPagesTest, CutsAndCoversDrop) {
  const std::string data = Random(4 * page_, 1);
  for (size_t at = 0; at < data.size(); at += page_ / 2) Write(at, data.substr(at, page_ / 2));
  EXPECT_EQ(Known(data.size()).size(), 4u);
  pages_.Cut(2 * page_ + 1);
  EXPECT_EQ(Known(data.size()).size(), 2u);
  Write(page_, data.substr(page_, page_));
  EXPECT_EQ(Known(data.size()).size(), 1u);
  pages_.Drop(page_ - 1, page_);
  EXPECT_TRUE(Known(data.size()).empty());
  EXPECT_EQ(budget_.used(), 0u);
}

TEST_P(SeamPagesTest, HoldsNoMoreThanItsBudget) {
  {
    SeamPages other(budget_);
    for (size_t i = 0; i < 70; ++i) other.Note(i * page_, Bytes("x"));
    for (size_t i = 0; i < 70; ++i) pages_.Note(i * page_, Bytes("x"));
    EXPECT_EQ(budget_.used(), 100u);
  }
  EXPECT_EQ(budget_.used(), 30u);
  pages_.Note(99 * page_, Bytes("x"));
  EXPECT_EQ(budget_.used(), 31u);
  pages_.Clear();
  EXPECT_EQ(budget_.used(), 0u);
}

TEST_P(SeamPagesTest, BoundsOfOneFile) {
  SeamBudget budget(100'000, page_);
  SeamPages pages(budget);
  for (size_t i = 0; i <= SeamPages::kPartialPagesMax; ++i) {
    EXPECT_LE(budget.used(), SeamPages::kPartialPagesMax);
    pages.Note(i * page_, Bytes("x"));
  }
  const std::string half(page_ / 2, 'h');
  const size_t count = SeamPages::kFilePagesMax + 100;
  for (size_t i = 0; i < 2 * count; ++i) pages.Note(i * page_ / 2, Bytes(half));
  EXPECT_EQ(pages.Known(count * page_).size(), SeamPages::kFilePagesMax);
}

// Random changes; every page that is known has the bytes of the model.
TEST_P(SeamPagesTest, KnowsNothingOld) {
  std::mt19937_64 random(TestSeed());
  const int rounds = page_ == 4096 ? 200 : 20;  // as many bytes
  size_t seen = 0;
  for (int round = 0; round < rounds && !::testing::Test::HasFailure(); ++round) {
    SeamBudget budget(20, page_);
    SeamPages pages(budget);
    std::string model;
    std::vector<std::pair<KeptPage, std::string>> given;
    for (int step = 0; step < 200; ++step) {
      const uint64_t at = random() % 4 == 0 ? random() % (model.size() + 1) : model.size();
      const uint64_t length = 1 + random() % (random() % 3 == 0 ? 3 * page_ : page_ * 3 / 8);
      const uint64_t what = random() % 12;
      if (what == 0) {
        model.resize(random() % (model.size() + 2 * page_));
        pages.Cut(model.size());
      } else if (what == 1) {
        const uint64_t end = std::min<uint64_t>(at + length, model.size());
        for (uint64_t i = at; i < end; ++i) model[i] = '\0';
        if (at < end) pages.Drop(at, end);
      } else {
        const std::string data = Random(length, random());
        model.resize(std::max<uint64_t>(model.size(), at + length));
        model.replace(at, length, data);
        for (uint64_t done = 0; done < length;) {  // as the pieces of one write
          const uint64_t piece = std::min<uint64_t>(length - done, 1 + random() % length);
          pages.Note(at + done, Bytes(data).subspan(done, piece));
          done += piece;
        }
        pages.DropCovered(at, at + length);
      }
      ASSERT_LE(budget.used(), 20u);
      if (random() % 4 != 0) continue;
      for (const KeptPage& page : pages.Known(model.size())) {
        const std::string wanted = model.substr(page.offset, page_);
        ASSERT_TRUE(ByOffset({page})[page.offset] == wanted) << "page at " << page.offset << " of " << model.size();
        if (given.size() < 1000) given.emplace_back(page, wanted);
        ++seen;
      }
    }
    for (const auto& [page, wanted] : given) ASSERT_TRUE(ByOffset({page})[page.offset] == wanted);
  }
  EXPECT_GT(seen, 5u * static_cast<size_t>(rounds));
}

// A file that is smaller than a page does not take the memory of one.
TEST_P(SeamPagesTest, TakesNoMoreMemoryThanItNeeds) {
  for (size_t at = 0; at < 3000; at += 1000) Write(at, Random(1000, at));
  const std::vector<KeptPage> pages = pages_.Known(3000);
  ASSERT_EQ(pages.size(), 1u);
  EXPECT_EQ(pages[0].bytes->capacity(), 4096u);
  for (size_t at = 3000; at + 1000 < page_; at += 1000) Write(at, Random(1000, at));
  Write(page_ / 1000 * 1000, Random(page_ % 1000, 1));
  const std::vector<KeptPage> whole = pages_.Known(page_);
  ASSERT_EQ(whole.size(), 1u);
  EXPECT_EQ(whole[0].bytes->capacity(), page_);
}

INSTANTIATE_TEST_SUITE_P(PageSizes, SeamPagesTest, ::testing::Values(4096, 65536));

// --- through a file ---

class SeamsOfFile : public WriteFixture {
 protected:
  static constexpr uint64_t kPage = 4096;

  SeamsOfFile() { options_.page_bytes = kPage; }
  static Published Publish(WriteFile& file) {
    Result<Published> published = file.Publish({});
    EXPECT_TRUE(published) << published.error().ToString();
    return published ? std::move(*published) : Published();
  }
  static std::set<uint64_t> Offsets(const Published& published) {
    std::set<uint64_t> offsets;
    for (const KeptPage& page : published.pages) offsets.insert(page.offset);
    return offsets;
  }
};

TEST_F(SeamsOfFile, AreGivenWhereverTheBytesWent) {
  const std::string data = Random(10 * kPart, 1);
  std::set<uint64_t> seams;
  for (uint64_t at = 100'001; at < data.size(); at += 100'001) seams.insert(at / kPage * kPage);
  for (const bool small_pool : {false, true}) {
    if (small_pool) SetPool(16 * kMiB);
    auto file = NewFile();
    WriteInOrder(*file, data, 100'001);
    EXPECT_EQ(Offsets(Publish(*file)), seams);
    MustWrite(*file, 0, "patched");  // staged now, over what was stored
    EXPECT_EQ(Offsets(Publish(*file)), seams);
  }
}

TEST_F(SeamsOfFile, OfLargePages) {
  options_.page_bytes = 65536;
  const std::string data = Random(100'001 + Landing::kBytes + 3000, 1);
  auto file = NewFile();
  MustWrite(*file, 0, data.substr(0, 36'864));  // whole pages of 4 KiB
  const auto rest = std::string_view(data).substr(36'864, Landing::kBytes);
  std::unique_ptr<Landing> landing = Engine().incoming().MakeLanding();
  ASSERT_NE(landing, nullptr);
  for (size_t i = 0; i < Landing::kPieces; ++i)
    std::memcpy(landing->Piece(i).data(), rest.data() + i * Landing::kPieceBytes, Landing::kPieceBytes);
  const Result<size_t> taken = file->TryWriteLanded(36'864, *landing, rest.size(), WritePlace::kOffset);
  ASSERT_TRUE(taken);
  const Result<size_t> written = file->WriteLanded(36'864, *landing, *taken, rest.size(), WritePlace::kOffset);
  ASSERT_TRUE(written);
  MustWrite(*file, 36'864 + Landing::kBytes, data.substr(36'864 + Landing::kBytes));
  const Published published = Publish(*file);
  EXPECT_EQ(Offsets(published), (std::set<uint64_t>{0, Landing::kBytes, Landing::kBytes + 65536}));
  for (const KeptPage& page : published.pages)
    EXPECT_TRUE(ByOffset({page})[page.offset] == data.substr(page.offset, 65536)) << page.offset;
}

TEST_F(SeamsOfFile, GoWithWhatAFailedWriteMayHaveChanged) {
  options_.staging_bytes_max = 3 * kPage;
  auto file = NewFile();
  MustWrite(*file, 4 * kMiB, std::string(100, 'a'));  // not in order: staged
  MustWrite(*file, 4 * kMiB + 100, std::string(kPage - 100, 'b'));
  EXPECT_FALSE(WriteAt(*file, 4 * kMiB + 200, std::string(4 * kPage, 'c')));
  EXPECT_EQ(Offsets(Publish(*file)), std::set<uint64_t>{});
}

TEST_F(SeamsOfFile, StayOverAnFsyncAndGoWithAnotherVersion) {
  auto file = NewFile();
  MustWrite(*file, 0, std::string(kPage + 100, 'a'));
  EXPECT_TRUE(file->Sync({}));
  MustWrite(*file, kPage + 100, std::string(2 * kPage, 'b'));
  const Published published = Publish(*file);
  EXPECT_EQ(Offsets(published), (std::set<uint64_t>{kPage, 3 * kPage}));
  Result<ObjectVersion> renamed = CopyTo(*store_, published.version, "renamed");
  ASSERT_TRUE(renamed);
  ASSERT_EQ(renamed->etag, published.version.etag);
  file->Rebind(*renamed, true);
  MustWrite(*file, 3 * kPage + 100, "c");
  EXPECT_EQ(Offsets(Publish(*file)), (std::set<uint64_t>{kPage, 3 * kPage}));
  store_->PutContent("renamed", std::string(3 * kPage + 101, 't'));  // another host's, of the same size
  const ObjectInfo info = *store_->Head("renamed");
  file->Rebind({"renamed", info.size, info.etag, info.crc64}, true);
  MustWrite(*file, info.size, "d");
  EXPECT_EQ(Offsets(Publish(*file)), std::set<uint64_t>{3 * kPage});
}

}  // namespace
}  // namespace ossfs2
