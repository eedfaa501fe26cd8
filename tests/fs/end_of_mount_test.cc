// SIGTERM saves everything while calls are under way: what these write afterwards nobody else would store.
#include <cerrno>
#include <chrono>
#include <future>

#include "oss/fakes/fault_store.h"
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

class EndOfMount : public ::testing::Test {
 protected:
  static std::span<const std::byte> Bytes(std::string_view text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
  }
  EndOfMount() {
    store_->PutContent("f", "1234");
    handle_ = *mount_.OpenPath("f", O_RDWR);
    // The first change of a small file fetches it.
    oss::FaultRule rule;
    rule.operation = "get";
    rule.key_part = "f";
    rule.meanwhile = [this] { EXPECT_TRUE(mount_.fs().FlushAll(std::chrono::seconds(20)).empty()); };
    faults_->AddRule(rule);
  }
  ~EndOfMount() override { mount_.Close(handle_); }
  void RefusePuts() {
    oss::FaultRule rule;
    rule.operation = "put";
    rule.error = MakeError(EIO, ErrorKind::kCanceled, "the mount ends");
    faults_->AddRule(rule);
  }

  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  std::unique_ptr<oss::FaultStore> faults_ = oss::MakeFaultStore(*store_);
  TestMount mount_{*faults_};
  HandleId handle_ = 0;
};

TEST_F(EndOfMount, AWriteThatIsUnderWayStoresTheFile) {
  EXPECT_TRUE(mount_.fs().Write(handle_, 0, Bytes("ab"), Writer::kCall));
  EXPECT_EQ(store_->Content("f"), "ab34");
}

TEST_F(EndOfMount, AWriteThatWaitedStoresTheFile) {
  std::promise<FetchLanding> may_run;
  mount_.fs().KeepWaiting(Bytes("ab"), [&](FetchLanding fetch) { may_run.set_value(std::move(fetch)); });
  const Result<std::shared_ptr<Landing>> landing = may_run.get_future().get()();
  ASSERT_TRUE(landing);
  const Result<size_t> written = mount_.fs().WriteLanded(handle_, 1, **landing, 0, 2, Writer::kCall);
  ASSERT_TRUE(written);
  EXPECT_EQ(*written, 2u);
  EXPECT_EQ(store_->Content("f"), "1ab4");
}

TEST_F(EndOfMount, ATruncateThatIsUnderWayStoresTheFile) {
  AttrChange change;
  change.size = 2;
  EXPECT_TRUE(mount_.fs().SetAttr(mount_.InoOf("f"), change, handle_));
  EXPECT_EQ(store_->Content("f"), "12");
}

TEST_F(EndOfMount, ACopyThatIsUnderWayStoresTheFile) {
  store_->PutContent("g", "xyz");
  const HandleId source = *mount_.OpenPath("g", O_RDONLY);
  const Result<size_t> copied = mount_.fs().CopyFileRange(source, 0, handle_, 1, 2);
  ASSERT_TRUE(copied);
  EXPECT_EQ(*copied, 2u);
  EXPECT_EQ(store_->Content("f"), "1xy4");
  mount_.Close(source);
}

TEST_F(EndOfMount, WhatCannotBeStoredIsAnErrorOfTheCall) {
  RefusePuts();
  const Status written = mount_.fs().Write(handle_, 0, Bytes("ab"), Writer::kCall);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().errno_value, EIO);
  EXPECT_EQ(store_->Content("f"), "1234");
}

}  // namespace
}  // namespace ossfs2::test
