// A GET and its hedge beside each other: whatever becomes of the two, the bytes come once and in order, one answer is
// given, and nothing is left running.
#include <future>
#include <map>
#include <string>
#include <thread>

#include "base/threads/awaited.h"
#include "base/values/str.h"
#include "tests/oss/parallel_http.h"
#include "tests/oss/store_fixture.h"

namespace ossfs2::oss {
namespace {

enum class End : uint8_t { kWhole, kCut, kRefused, kHangs };
constexpr End kEnds[] = {End::kWhole, End::kCut, End::kRefused, End::kHangs};
constexpr const char* kEndNames[] = {"whole", "cut", "refused", "hangs"};

struct Pair {
  End first;
  End hedge;
  bool is_canceled;  // while both answer
  std::string Name() const {
    return StrCat(kEndNames[static_cast<int>(first)], "-", kEndNames[static_cast<int>(hedge)],
                  is_canceled ? "-canceled" : "");
  }
  bool Has(End end) const { return first == end || hedge == end; }
};

class OssHedgeTest : public StoreFixture {
 protected:
  ~OssHedgeTest() override { store_.reset(); }

  // What is under way for one pair.
  struct Run {
    std::shared_ptr<StringSink> sink = std::make_shared<StringSink>(1);  // byte by byte
    std::shared_ptr<Awaited<Status>> ended = std::make_shared<Awaited<Status>>();
    std::shared_ptr<StoreCall> call;
    std::atomic<int> answers = 0;
  };

  void Begin() {
    for (const End first : kEnds) {
      for (const End hedge : kEnds) {
        for (const bool is_canceled : {false, true}) pairs_.push_back({first, hedge, is_canceled});
      }
    }
    http_threads_ = std::make_unique<ParallelHttp>([this](const SeenRequest& request) { return Answer(request); });
    auto store = MakeOssStore(*http_threads_, credentials_, config_);
    ASSERT_TRUE(store);
    store_ = std::move(*store);
    // Hedges are at most one GET in twenty, and come when others were faster.
    for (size_t i = 0; i < 20 * pairs_.size(); ++i) {
      ASSERT_TRUE(GetNow(*store_, {"quick", 0, kObject.size(), ""}, std::make_shared<StringSink>()));
    }
  }

  Reply Answer(const SeenRequest& request) {
    const std::string key = request.target.substr(1);
    const Reply whole = RangeReply(request, kObject);
    const auto pair = std::find_if(pairs_.begin(), pairs_.end(), [&](const Pair& one) { return one.Name() == key; });
    if (pair == pairs_.end()) return whole;
    int number = 0;
    {
      MutexLock lock(mutex_);
      number = ++requests_[key];
      changed_.NotifyAll();
      while (!open_) changed_.Wait(lock);
    }
    if (number > 2) return whole;
    Reply reply = whole;
    switch (number == 1 ? pair->first : pair->hedge) {
      case End::kWhole:
        break;
      case End::kCut:
        reply.cut_after = 3;
        break;
      case End::kRefused:
        return ErrorReply(503, "ServiceUnavailable");
      case End::kHangs:
        reply.hangs = true;
        break;
    }
    return reply;
  }

  void WaitForHedges() {
    MutexLock lock(mutex_);
    for (const Pair& pair : pairs_) {
      while (requests_[pair.Name()] < 2) changed_.Wait(lock);
    }
  }
  void Open() {
    MutexLock lock(mutex_);
    open_ = true;
    changed_.NotifyAll();
  }
  int Requests(const Pair& pair) {
    MutexLock lock(mutex_);
    return requests_[pair.Name()];
  }

  const std::string kObject = "0123456789";
  std::vector<Pair> pairs_;
  std::unique_ptr<ParallelHttp> http_threads_;
  Mutex mutex_;
  CondVar changed_;
  std::map<std::string, int> requests_ GUARDED_BY(mutex_);
  bool open_ GUARDED_BY(mutex_) = false;
};

TEST_F(OssHedgeTest, EveryPairOfEnds) {
  Begin();
  std::vector<Run> runs(pairs_.size());
  for (size_t i = 0; i < pairs_.size(); ++i) {
    Run& run = runs[i];
    run.call = store_->GetAsync({pairs_[i].Name(), 0, kObject.size(), ""}, run.sink,
                                [ended = run.ended, &answers = run.answers](Status status) {
                                  ++answers;
                                  ended->Set(std::move(status));
                                });
  }
  WaitForHedges();
  std::vector<std::thread> cancelers;
  for (size_t i = 0; i < pairs_.size(); ++i) {
    if (pairs_[i].is_canceled) cancelers.emplace_back([call = runs[i].call] { call->Cancel(); });
  }
  Open();
  for (std::thread& canceler : cancelers) canceler.join();
  // One that hangs is decided by the other, unless that was refused or hangs too.
  const auto waits_for_silence = [](const Pair& pair) {
    return pair.Has(End::kHangs) && !pair.Has(End::kWhole) && !pair.Has(End::kCut) && !pair.is_canceled;
  };
  size_t hanging = 0;
  for (const Pair& pair : pairs_) {
    if (waits_for_silence(pair)) hanging += pair.first == pair.hedge ? 2 : 1;
  }
  for (const bool after_silence : {false, true}) {
    if (after_silence) {
      EXPECT_TRUE(http_threads_->WaitForCalls(hanging)) << "an attempt that lost was left running";
      http_threads_->EndHanging();
    }
    for (size_t i = 0; i < pairs_.size(); ++i) {
      const Pair& pair = pairs_[i];
      if (waits_for_silence(pair) != after_silence) continue;
      const Status ended = runs[i].ended->Take();
      const std::string& text = runs[i].sink->text();
      if (pair.is_canceled && !ended) {
        EXPECT_EQ(ended.error().kind, ErrorKind::kCanceled) << pair.Name() << ": " << ended.error().text;
        EXPECT_TRUE(kObject.starts_with(text)) << pair.Name() << ": " << text;
        continue;
      }
      EXPECT_TRUE(ended) << pair.Name() << ": " << ended.error().text;
      EXPECT_EQ(text, kObject) << pair.Name();
      const int requests = Requests(pair);
      EXPECT_LE(requests, 3) << pair.Name() << ": more than one round anew";
      if (pair.Has(End::kWhole) && !pair.Has(End::kCut)) {
        EXPECT_EQ(requests, 2) << pair.Name();
      }
      if (!pair.Has(End::kWhole)) {
        EXPECT_EQ(requests, 3) << pair.Name();
      }
    }
  }
  EXPECT_TRUE(http_threads_->WaitForCalls(0));
  store_.reset();
  for (size_t i = 0; i < pairs_.size(); ++i) EXPECT_EQ(runs[i].answers, 1) << pairs_[i].Name();
}

}  // namespace
}  // namespace ossfs2::oss
