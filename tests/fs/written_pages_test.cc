// Pages of written files that the kernel asks for again: from memory, and never of another version.
#include "fs/shared/written_pages.h"

#include <random>

#include "base/machine/page_size.h"
#include "tests/fs/mount_fixture.h"
#include "tests/support/seed.h"

namespace ossfs2::test {
namespace {

const size_t kPage = KernelPageBytes();

KeptPage Page(uint64_t offset, char byte, size_t size = kPage) {
  return {offset, std::make_shared<std::vector<std::byte>>(size, static_cast<std::byte>(byte))};
}

std::string Answered(const WrittenPages& pages, const ObjectVersion& version, uint64_t offset, size_t size) {
  ReadReply reply;
  if (!pages.Answer(version, offset, size, reply)) return "no";
  EXPECT_EQ(reply.parts.size(), 1u);
  EXPECT_EQ(reply.parts[0].iov_len, reply.bytes);
  return std::string(static_cast<const char*>(reply.parts[0].iov_base), reply.bytes);
}

class WrittenPagesOfSize : public ::testing::TestWithParam<size_t> {};

TEST_P(WrittenPagesOfSize, AnswersWithinOnePageOfThatVersion) {
  const size_t page = GetParam();
  WrittenPages pages(1u << 20, page);
  const ObjectVersion version{"k", 3 * page + 5, "e", std::nullopt};
  pages.Put(version, {Page(page, 'b', page), Page(3 * page, 'd', 5)});
  EXPECT_EQ(Answered(pages, version, page, page), std::string(page, 'b'));
  EXPECT_EQ(Answered(pages, version, page + 10, 20), std::string(20, 'b'));
  EXPECT_EQ(Answered(pages, version, 3 * page, 128 * page), "ddddd");
  EXPECT_EQ(Answered(pages, version, 3 * page + 3, page), "dd");
  EXPECT_EQ(Answered(pages, version, page, page + 1), "no");
  EXPECT_EQ(Answered(pages, version, 0, page), "no");
  EXPECT_EQ(Answered(pages, version, version.size, 1), "no");
  for (const ObjectVersion& other : {ObjectVersion{"l", version.size, "e", std::nullopt},
                                     ObjectVersion{"k", version.size + 1, "e", std::nullopt},
                                     ObjectVersion{"k", version.size, "f", std::nullopt}})
    EXPECT_EQ(Answered(pages, other, page, 1), "no");
}

INSTANTIATE_TEST_SUITE_P(PageSizes, WrittenPagesOfSize, ::testing::Values(4096, 65536));

TEST(WrittenPagesTest, AreCountedByAMetric) {
  const Gauge& bytes = Registry::Default().gauge("kept_page_bytes", "", "of=\"readers\"");
  ASSERT_EQ(bytes.Value(), 0);
  {
    WrittenPages pages(1u << 20, kPage);
    pages.Put({"k", kPage, "e", std::nullopt}, {Page(0, 'a')});
    const int64_t of_one = bytes.Value();
    EXPECT_GE(of_one, static_cast<int64_t>(kPage));
    pages.Put({"l", kPage, "e", std::nullopt}, {Page(0, 'a')});
    EXPECT_EQ(bytes.Value(), 2 * of_one);
    pages.Put({"k", kPage, "f", std::nullopt}, {});
    EXPECT_EQ(bytes.Value(), of_one);
  }
  EXPECT_EQ(bytes.Value(), 0);
}

TEST(WrittenPagesTest, GoWithTheObjectAndWithTheNextVersion) {
  WrittenPages pages(1u << 20, kPage);
  const ObjectVersion first{"k", kPage, "e", std::nullopt};
  const ObjectVersion moved{"l", kPage, "f", std::nullopt};
  pages.Put(first, {Page(0, 'a')});
  pages.Rebind(first, moved);
  EXPECT_EQ(Answered(pages, first, 0, 1), "no");
  EXPECT_EQ(Answered(pages, moved, 0, 1), "a");
  pages.Rebind(first, {"m", kPage, "g", std::nullopt});
  EXPECT_EQ(Answered(pages, moved, 0, 1), "a");
  pages.Put({"l", kPage, "h", std::nullopt}, {});
  EXPECT_EQ(Answered(pages, moved, 0, 1), "no");
}

TEST(WrittenPagesTest, TheOldestGoFirst) {
  WrittenPages pages(10 * (kPage + 1024), kPage);
  const auto version = [](size_t i) { return ObjectVersion{"k" + std::to_string(i), kPage, "e", std::nullopt}; };
  for (size_t i = 0; i < 10; ++i) pages.Put(version(i), {Page(0, 'a')});
  pages.Put(version(0), {Page(0, 'n')});  // the youngest now
  for (size_t i = 10; i < 19; ++i) pages.Put(version(i), {Page(0, 'a')});
  EXPECT_EQ(Answered(pages, version(0), 0, 1), "n");
  EXPECT_EQ(Answered(pages, version(1), 0, 1), "no");
  std::vector<KeptPage> many;
  for (size_t i = 0; i < 13; ++i) many.push_back(Page(i * kPage, 'm'));
  pages.Put({"large", 13 * kPage, "e", std::nullopt}, many);  // more than all may hold
  EXPECT_EQ(Answered(pages, {"large", 13 * kPage, "e", std::nullopt}, 0, 1), "no");
}

// A file is written in odd pieces, patched, cut, renamed, given attributes and replaced; what the kernel asks for page
// by page is what the model has.
class WrittenPagesProperty : public ::testing::Test {
 protected:
  std::string Random(size_t size) {
    std::string out(size, '\0');
    for (char& c : out) c = static_cast<char>(random_());
    return out;
  }
  void Open(int flags) {
    Result<HandleId> opened = mount_.OpenPath(name_, O_WRONLY | O_CREAT | flags);
    ASSERT_TRUE(opened) << opened.error().ToString();
    writer_ = *opened;
    if ((flags & O_TRUNC) != 0) model_.clear();
  }
  void Close() {
    EXPECT_EQ(mount_.Close(*writer_), 0);
    writer_.reset();
  }
  void WriteAt(uint64_t at, const std::string& data) {
    const Status written = mount_.Write(*writer_, at, data);
    ASSERT_TRUE(written) << written.error().ToString();
    model_.resize(std::max<size_t>(model_.size(), at + data.size()));
    model_.replace(at, data.size(), data);
  }
  void Step() {
    const uint64_t what = random_() % 16;
    if (!writer_) {
      if (what < 2) {
        const std::string next = name_ == "f" ? "g" : "f";
        EXPECT_EQ(mount_.Rename(name_, next), 0);
        name_ = next;
      } else if (what < 4) {
        AttrChange change;
        change.mode = 0600 + static_cast<uint32_t>(random_() % 8);
        EXPECT_EQ(mount_.SetAttr(name_, change), 0);
      } else if (what == 4) {
        // Of the same size as often as not: only its ETag is different.
        const std::string content = Random(random_() % 2 == 0 ? model_.size() : random_() % 50'000);
        EXPECT_EQ(mount_.Put("new", content), 0);
        EXPECT_EQ(mount_.Rename("new", name_), 0);
        model_ = content;
      } else {
        Open(what == 5 ? O_TRUNC : 0);
      }
    } else if (what < 9) {
      WriteAt(model_.size(), Random(1 + random_() % 12'000));
    } else if (what < 11) {
      WriteAt(random_() % (model_.size() + 1), Random(1 + random_() % 6000));
    } else if (what == 11) {
      const uint64_t size = random_() % (model_.size() + 5000);
      AttrChange change;
      change.size = size;
      EXPECT_TRUE(mount_.fs().SetAttr(mount_.InoOf(name_), change, *writer_));
      model_.resize(size);
    } else if (what == 12) {
      EXPECT_TRUE(mount_.fs().Fsync(*writer_));
    } else {
      Close();
    }
  }
  void Compare() {
    Result<HandleId> reader = mount_.OpenPath(name_, O_RDONLY);
    ASSERT_TRUE(reader) << reader.error().ToString();
    for (uint64_t at = 0; at < model_.size(); at += kPage) {
      if (random_() % 3 == 0) continue;
      const Result<std::string> page = mount_.Read(*reader, at, kPage);
      ASSERT_TRUE(page) << page.error().ToString();
      ASSERT_TRUE(*page == model_.substr(at, kPage)) << "the page at " << at << " of " << model_.size();
    }
    mount_.Close(*reader);
  }

  std::mt19937_64 random_;
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  TestMount mount_{*store_};
  std::string name_ = "f";
  std::string model_;
  std::optional<HandleId> writer_;
};

TEST_F(WrittenPagesProperty, EveryPageIsThatOfTheModel) {
  random_.seed(TestSeed());
  Open(0);
  Close();
  for (int step = 0; step < 1500 && !HasFailure(); ++step) {
    Step();
    if (random_() % 3 == 0 && !HasFailure()) Compare();
  }
  if (writer_) Close();
}

TEST(WrittenPagesTest, AreNotThoseOfAnotherHostsVersion) {
  const auto store = oss::MakeMemoryStore();
  FsOptions options;
  options.close_to_open = true;
  TestMount mount(*store, options);
  const HandleId writer = *mount.OpenPath("f", O_WRONLY | O_CREAT);
  ASSERT_TRUE(mount.Write(writer, 0, std::string(kPage + 900, 'o')));
  ASSERT_TRUE(mount.Write(writer, kPage + 900, std::string(kPage + 900, 'o')));
  ASSERT_EQ(mount.Close(writer), 0);
  const auto read = [&mount] {
    const HandleId handle = *mount.OpenPath("f", O_RDONLY);
    const std::string page = *mount.Read(handle, kPage, kPage);
    mount.Close(handle);
    return page;
  };
  store->ResetCounts();
  EXPECT_EQ(read(), std::string(kPage, 'o'));
  EXPECT_EQ(CountOf(*store, {"get"}), 0u);
  store->PutContent("f", std::string(2 * kPage + 1800, 't'));
  EXPECT_EQ(read(), std::string(kPage, 't'));
  // What is written here over it has their bytes where it was not written.
  const HandleId patcher = *mount.OpenPath("f", O_WRONLY);
  ASSERT_TRUE(mount.Write(patcher, 2 * kPage + 800, "n"));
  ASSERT_EQ(mount.Close(patcher), 0);
  EXPECT_EQ(read(), std::string(kPage, 't'));
}

TEST_F(WrittenPagesProperty, PagesOfOddPiecesCostNoGet) {
  Open(0);
  const size_t piece = kPage * 5 / 2;
  const int count = kPage == 4096 ? 300 : 4;  // as many as a mount of the test keeps
  for (int i = 0; i < count; ++i) WriteAt(model_.size(), Random(piece));
  Close();
  store_->ResetCounts();
  Result<HandleId> reader = mount_.OpenPath(name_, O_RDONLY);
  for (uint64_t seam = piece; seam < model_.size(); seam += piece) {
    if (seam % kPage == 0) continue;
    const uint64_t at = seam / kPage * kPage;
    EXPECT_EQ(*mount_.Read(*reader, at, kPage), model_.substr(at, kPage));
  }
  mount_.Close(*reader);
  EXPECT_EQ(CountOf(*store_, {"get"}), 0u);
}

}  // namespace
}  // namespace ossfs2::test
