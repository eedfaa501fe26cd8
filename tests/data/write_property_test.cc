// Random writes, truncates, reads and publishes against a std::string, with a printed seed.
#include <linux/falloc.h>

#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

class WriteProperty : public WriteFixture {
 protected:
  // What goes to readers with a version is what the version has.
  void CheckPages(const Published& published, const std::string& model) {
    for (const KeptPage& page : published.pages) {
      const std::string wanted =
          model.substr(page.offset, std::min(options_.page_bytes, published.version.size - page.offset));
      ASSERT_EQ(page.bytes->size(), wanted.size());
      ASSERT_EQ(std::memcmp(page.bytes->data(), wanted.data(), wanted.size()), 0) << "the page at " << page.offset;
      ++pages_seen_;
    }
  }

  void PublishAndCheck(WriteFile& file, const std::string& model) {
    const Result<Published> published = file.Publish({});
    ASSERT_TRUE(published) << published.error().ToString();
    CheckPages(*published, model);
  }

  // One random call on the file and on the model.
  void Step(WriteFile& file, std::string& model, std::mt19937_64& random) {
    const uint64_t size = model.size();
    const auto any = [&random](uint64_t bound) { return bound == 0 ? 0 : random() % bound; };
    switch (any(12)) {
      case 0:
      case 1:
      case 2:
      case 3: {  // append
        const std::string data = Random(1 + any(700'000), random());
        MustWrite(file, size, data);
        model += data;
        break;
      }
      case 4:
      case 5: {  // anywhere inside, perhaps over the end
        const uint64_t at = any(size);
        const std::string data = Random(1 + any(any(2) == 0 ? 5000 : 600'000), random());
        MustWrite(file, at, data);
        if (model.size() < at + data.size()) model.resize(at + data.size());
        model.replace(at, data.size(), data);
        break;
      }
      case 6: {  // beyond the end
        if (any(3) != 0) break;
        const uint64_t at = size + any(800'000);
        const std::string data = Random(1 + any(200'000), random());
        MustWrite(file, at, data);
        model.resize(at);
        model += data;
        break;
      }
      case 7: {
        const uint64_t to = any(4) == 0 ? any(size + 1'000'000) : size - any(std::min<uint64_t>(size, 300'000));
        ASSERT_TRUE(file.Truncate(to));
        model.resize(to);
        break;
      }
      case 8: {
        const uint64_t at = any(size);
        std::string out(any(500'000), '\0');
        const Result<size_t> got = file.Read(at, {reinterpret_cast<std::byte*>(out.data()), out.size()});
        ASSERT_TRUE(got) << got.error().ToString();
        out.resize(*got);
        ASSERT_TRUE(out == model.substr(at, out.size()));
        break;
      }
      case 9: {
        if (any(4) != 0) break;
        PublishAndCheck(file, model);
        ASSERT_FALSE(file.dirty());
        ExpectContent("file", model);
        break;
      }
      case 10: {
        const uint64_t at = any(size);
        const uint64_t length = 1 + any(300'000);
        ASSERT_TRUE(file.Allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, length));
        for (uint64_t i = at; i < std::min(size, at + length); ++i) model[i] = '\0';
        break;
      }
      default: {  // fsync: what was written is there
        if (any(3) != 0) break;
        const Result<Published> synced = file.Sync({});
        ASSERT_TRUE(synced) << synced.error().ToString();
        CheckPages(*synced, model);
        const std::optional<std::string> stored = store_->Content("file");
        if (!stored) break;
        ASSERT_LE(stored->size(), model.size());
        ASSERT_TRUE(*stored == model.substr(0, stored->size()));
        ASSERT_TRUE(model.find_first_not_of('\0', stored->size()) == std::string::npos);
        break;
      }
    }
    ASSERT_EQ(file.size(), model.size());
  }

  void Run(uint64_t seed, int steps) {
    std::mt19937_64 random(seed);
    store_->PutContent("file", "");
    std::string model;
    auto file = OpenFile();
    for (int i = 0; i < steps && !HasFatalFailure(); ++i) {
      Step(*file, model, random);
      if (random() % 25 == 0) {  // last close, and opened again
        PublishAndCheck(*file, model);
        file.reset();
        ExpectContent("file", model);
        file = OpenFile();
      }
    }
    PublishAndCheck(*file, model);
    ExpectContent("file", model);
    file.reset();
    engine_.reset();
    EXPECT_EQ(store_->OpenUploads(), 0u);
    EXPECT_EQ(store_->Keys(), std::vector<std::string>{"file"});
    EXPECT_EQ(pool_->UsedBytes(), 0u);
  }

  size_t pages_seen_ = 0;
};

TEST_F(WriteProperty, MatchesAString) {
  const uint64_t seed = TestSeed();
  for (int round = 0; round < 20 && !HasFailure(); ++round) Run(seed + static_cast<uint64_t>(round), 60);
  EXPECT_GT(pages_seen_, 0u);
}

TEST_F(WriteProperty, MatchesAStringWithLargePages) {
  options_.page_bytes = 65536;
  const uint64_t seed = TestSeed();
  for (int round = 0; round < 5 && !HasFailure(); ++round) Run(seed + static_cast<uint64_t>(round), 60);
  EXPECT_GT(pages_seen_, 0u);
}

// Cells went early, and then nothing was left of them: an upload without parts cannot be completed. The hole before
// them is part of what was written, and so of what fsync promises.
TEST_F(WriteProperty, SyncOfAStagedFileOfNoBytes) {
  auto file = NewFile();
  MustWrite(*file, 4 * kPart, Random(2 * kPart, 1));
  ASSERT_TRUE(file->Truncate(kPart));
  const Result<Published> synced = file->Sync({});
  ASSERT_TRUE(synced) << synced.error().ToString();
  ExpectContent("file", std::string(kPart, '\0'));
  MustPublish(*file);
  ExpectContent("file", std::string(kPart, '\0'));
}

TEST_F(WriteProperty, MatchesAStringWithLittleMemory) {
  SetPool(16 * kMiB);
  const uint64_t seed = TestSeed();
  for (int round = 0; round < 5 && !HasFailure(); ++round) Run(seed + static_cast<uint64_t>(round), 60);
}

TEST_F(WriteProperty, MatchesAStringAppendable) {
  options_.appendable = true;
  const uint64_t seed = TestSeed();
  for (int round = 0; round < 5 && !HasFailure(); ++round) Run(seed + static_cast<uint64_t>(round), 40);
}

}  // namespace
}  // namespace ossfs2
