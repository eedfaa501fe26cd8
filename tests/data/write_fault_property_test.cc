// Random writes, truncates, copies and stores of files while requests fail, against models that know which bytes are
// sure, with a printed seed. Whatever failed: the object is what was stored last, or what was there before, and nothing
// else is left in the bucket once a new run has looked at the journal.
#include <linux/falloc.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

// What a file must be; `sure` says of which bytes that is known.
struct Model {
  std::string bytes;
  std::string sure;  // one char a byte

  void Resize(uint64_t size) {
    bytes.resize(size);
    sure.resize(size, 1);
  }
  void Put(uint64_t at, const std::string& data) {
    if (bytes.size() < at + data.size()) Resize(at + data.size());
    bytes.replace(at, data.size(), data);
    std::fill_n(sure.begin() + static_cast<std::ptrdiff_t>(at), data.size(), char{1});
  }
  void Doubt(uint64_t begin, uint64_t end) {
    end = std::min<uint64_t>(end, bytes.size());
    if (begin < end) std::fill_n(sure.begin() + static_cast<std::ptrdiff_t>(begin), end - begin, char{0});
  }
  // After a call on [begin, end) failed the file has this size.
  void Failed(uint64_t begin, uint64_t end, uint64_t size) {
    const uint64_t before = bytes.size();
    Resize(size);
    Doubt(begin, end);
    Doubt(before, size);
  }
  bool Matches(uint64_t at, const std::string& data) const {
    for (size_t i = 0; i < data.size(); ++i)
      if (sure[at + i] && bytes[at + i] != data[i]) return false;
    return true;
  }
};

class WriteFaultProperty : public WriteFixture {
 protected:
  // One file and who works on it.
  class Program {
   public:
    Program(WriteFaultProperty& test, std::string key, uint64_t seed)
        : test_(test), key_(std::move(key)), random_(seed) {
      if (Any(2) == 0) {
        stored_ = Random(Any(Any(2) == 0 ? 3000 : 1'500'000), random_());
        test_.store_->PutContent(key_, *stored_);
        model_.Put(0, *stored_);
      }
      file_ = stored_ ? test_.OpenFile(key_) : test_.NewFile(key_);
    }

    void Run(int steps) {
      for (int i = 0; i < steps && !HasFatalFailure(); ++i) {
        if (Any(6) == 0) AddFault();
        Step();
        if (!file_->sticky_error()) break;
      }
      if (HasFatalFailure()) return;
      const uint64_t end = Any(4);
      if (end == 0) return;  // given up
      if (end == 1) return LoseName();
      Store(true);
      if (!file_->sticky_error() || HasFatalFailure()) return;
      CheckRead(0, model_.bytes.size());
    }

    void Close() { file_.reset(); }
    const std::string& key() const { return key_; }
    bool stored() const { return stored_.has_value(); }

    void CheckStored(const char* when) {
      const std::optional<std::string> there = test_.store_->Content(key_);
      ASSERT_TRUE(there == stored_) << when << " " << key_ << " has " << (there ? there->size() : 0) << " bytes, not "
                                    << (stored_ ? stored_->size() : 0);
    }

   private:
    uint64_t Any(uint64_t bound) { return bound == 0 ? 0 : random_() % bound; }

    void AddFault() {
      static constexpr const char* kOperations[] = {"put", "part", "complete", "copy_part", "copy", "get",
                                                    "head", "initiate", "abort", "delete", "list_parts"};
      static constexpr std::string_view kMayBeDone[] = {"part", "copy_part", "initiate", "abort", "delete"};
      oss::FaultRule rule;
      rule.operation = kOperations[Any(std::size(kOperations))];
      rule.key_part = key_;
      rule.skip = static_cast<int>(Any(3));
      rule.count = 1 + static_cast<int>(Any(2));
      rule.error = MakeError(EIO, Any(2) == 0 ? ErrorKind::kUnavailable : ErrorKind::kOther, "injected");
      const bool may_be_done =
          std::find(std::begin(kMayBeDone), std::end(kMayBeDone), rule.operation) != std::end(kMayBeDone);
      rule.after_effect = may_be_done && Any(3) == 0;
      test_.faults_->AddRule(rule);
    }

    void CheckRead(uint64_t at, uint64_t length) {
      std::string out(length, '\0');
      const Result<size_t> got = file_->Read(at, {reinterpret_cast<std::byte*>(out.data()), out.size()});
      if (!got) return;
      ASSERT_EQ(*got, std::min<uint64_t>(length, model_.bytes.size() - std::min<uint64_t>(at, model_.bytes.size())));
      out.resize(*got);
      ASSERT_TRUE(model_.Matches(at, out)) << "a read of " << key_ << " at " << at;
    }

    void Store(bool all) {
      const Result<Published> published = all ? file_->Publish({}) : file_->Sync({});
      if (!published) {
        if (!file_->provisional()) CheckStored("after a store that failed");
        return;
      }
      if (!all && !published->changed) return;
      const std::optional<std::string> there = test_.store_->Content(key_);
      ASSERT_TRUE(there);
      ASSERT_TRUE(!all || there->size() == model_.bytes.size());
      ASSERT_LE(there->size(), model_.bytes.size());
      ASSERT_TRUE(model_.Matches(0, *there)) << "stored in " << key_;
      ASSERT_TRUE(!all || !file_->dirty());
      model_.Put(0, *there);
      stored_ = there;
    }

    void LoseName() {
      const bool stuck = !file_->sticky_error();
      NameLoss loss;
      loss.park = [this](const ObjectVersion& from, const std::string& to) {
        return CopyTo(*test_.faults_, from, to);
      };
      loss.take = [this](const ObjectVersion&, bool) { return test_.store_->Delete(key_); };
      if (!file_->Detach(loss)) {
        if (!file_->provisional()) CheckStored("after an unlink that failed");
        return;
      }
      stored_.reset();
      CheckStored("after an unlink");
      if (stuck || !file_->sticky_error()) return;
      const std::string data = Random(1 + Any(300'000), random_());
      const uint64_t at = Any(model_.bytes.size());
      if (WriteAt(*file_, at, data))
        model_.Put(at, data);
      else
        model_.Failed(at, at + data.size(), file_->size());
      CheckRead(0, model_.bytes.size());
    }

    void Step() {
      const uint64_t size = model_.bytes.size();
      switch (Any(12)) {
        case 6: {
          const uint64_t to = Any(4) == 0 ? Any(size + 1'000'000) : size - Any(std::min<uint64_t>(size, 300'000));
          if (file_->Truncate(to))
            model_.Resize(to);
          else
            model_.Failed(std::min(to, size), std::max(to, size), file_->size());
          break;
        }
        case 7: {
          const uint64_t at = Any(size);
          const uint64_t length = 1 + Any(300'000);
          const uint64_t end = std::min(size, at + length);
          if (!file_->Allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, length))
            model_.Failed(at, end, file_->size());
          else if (at < end)
            model_.Put(at, std::string(end - at, '\0'));
          break;
        }
        case 8: {
          const std::string& source = test_.source_;
          const uint64_t from = Any(source.size() / 2);
          const uint64_t length = 150'000 + Any(source.size() / 2 - 150'000);
          const Result<ObjectInfo> info = test_.store_->Head("source");
          const Result<bool> copied =
              file_->CopyRange({"source", info->size, info->etag, info->crc64}, from, size, length);
          if (copied && *copied) model_.Put(size, source.substr(from, length));
          if (!copied) model_.Failed(size, size + length, file_->size());
          break;
        }
        case 9:
          CheckRead(Any(size), Any(600'000));
          break;
        case 10:
          Store(true);
          break;
        case 11:
          Store(false);
          break;
        default: {
          const uint64_t kind = Any(8);
          const uint64_t at = kind < 4 ? size : kind < 7 ? Any(size) : size + Any(600'000);
          const std::string data = Random(1 + Any(Any(2) == 0 ? 5000 : 700'000), random_());
          if (WriteAt(*file_, at, data))
            model_.Put(at, data);
          else
            model_.Failed(at, at + data.size(), file_->size());
          break;
        }
      }
      ASSERT_EQ(file_->size(), model_.bytes.size());
    }

    WriteFaultProperty& test_;
    const std::string key_;
    std::mt19937_64 random_;
    Model model_;
    std::optional<std::string> stored_;
    std::shared_ptr<WriteFile> file_;
  };

  // Files at the same time; then all go, and a new run puts right what they left.
  void Run(uint64_t seed, int files, int steps) {
    SCOPED_TRACE(testing::Message() << "OSSFS2_TEST_SEED=" << seed);
    for (const std::string& key : store_->Keys()) (void)store_->Delete(key);
    source_ = Random(kMiB, seed);
    store_->PutContent("source", source_);
    std::vector<std::unique_ptr<Program>> programs;
    for (int i = 0; i < files; ++i)
      programs.push_back(std::make_unique<Program>(*this, "file" + std::to_string(i), seed + static_cast<uint64_t>(i)));
    std::vector<std::thread> threads;
    for (const auto& program : programs) threads.emplace_back([&] { program->Run(steps); });
    for (std::thread& thread : threads) thread.join();
    for (const auto& program : programs) program->Close();
    engine_.reset();
    if (HasFailure()) return;
    faults_->ClearRules();
    const Status recovered = Engine().Recover();
    ASSERT_TRUE(recovered) << recovered.error().ToString();
    engine_.reset();
    std::vector<std::string> keys;
    for (const auto& program : programs) {
      program->CheckStored("after the end");
      if (program->stored()) keys.push_back(program->key());
    }
    keys.push_back("source");
    ASSERT_EQ(store_->Keys(), keys);
    ASSERT_EQ(store_->OpenUploads(), 0u);
    ASSERT_EQ(pool_->UsedBytes(), 0u);
  }

  static int Rounds(int usual) {
    const char* given = std::getenv("OSSFS2_TEST_ROUNDS");
    return given != nullptr ? std::atoi(given) : usual;
  }

  std::string source_;
};

TEST_F(WriteFaultProperty, NothingIsLostOrMixed) {
  const uint64_t seed = TestSeed();
  for (int round = 0; round < Rounds(20) && !HasFailure(); ++round) Run(seed + static_cast<uint64_t>(round), 1, 40);
}

TEST_F(WriteFaultProperty, NothingIsLostOrMixedAmongFilesWithLittleMemory) {
  SetPool(MemoryPool::kLimitBytesMin);
  options_.standstill_max = std::chrono::milliseconds(200);
  const uint64_t seed = TestSeed();
  for (int round = 0; round < Rounds(3) && !HasFailure(); ++round) Run(seed + static_cast<uint64_t>(round) * 10, 8, 40);
}

}  // namespace
}  // namespace ossfs2
