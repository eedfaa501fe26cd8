// FaultStore: the fault that a test asks for comes where it asks for it, and nothing else changes.
#include "oss/fakes/fault_store.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "oss/fakes/memory_store.h"
#include "tests/oss/test_data.h"

namespace ossfs2::oss {
namespace {

class FaultStoreTest : public testing::Test {
 protected:
  std::unique_ptr<MemoryStore> memory_ = MakeMemoryStore();
  std::unique_ptr<FaultStore> store_ = MakeFaultStore(*memory_);
  const Error error_ = MakeError(EIO, ErrorKind::kUnavailable, "injected");
};

TEST_F(FaultStoreTest, SkipsThenFailsThenPasses) {
  memory_->PutContent("a", "1");
  store_->AddRule({"head", "a", 1, 2, error_, false, -1});
  EXPECT_TRUE(store_->Head("a"));
  EXPECT_EQ(store_->Head("a").error().text, "injected");
  EXPECT_FALSE(store_->Head("a"));
  EXPECT_TRUE(store_->Head("a"));
  EXPECT_EQ(store_->FaultsInjected(), 2u);
  EXPECT_EQ(memory_->Requests()["head"], 2u);
}

TEST_F(FaultStoreTest, AfterEffectLosesOnlyTheAnswer) {
  store_->AddRule({"put", "", 0, 1, error_, true, -1});
  EXPECT_FALSE(PutNow(*store_, "a", "data"));
  EXPECT_EQ(memory_->Content("a"), "data");
  store_->AddRule({"delete_many", "a", 0, 1, error_, false, -1});
  EXPECT_FALSE(store_->DeleteMany({"b", "a"}));
  EXPECT_EQ(memory_->Keys().size(), 1u);
}

TEST_F(FaultStoreTest, GetDeliversSomeBytesFirst) {
  memory_->PutContent("a", "0123456789");
  store_->AddRule({"get", "", 0, 1, error_, false, 4});
  auto sink = std::make_shared<StringSink>();
  EXPECT_FALSE(GetNow(*store_, {"a", 0, 10, ""}, sink));
  EXPECT_EQ(sink->text(), "0123");
}

TEST_F(FaultStoreTest, SomethingHappensBeforeACall) {
  memory_->PutContent("a", "1");
  FaultRule rule;
  rule.operation = "head";
  rule.meanwhile = [this] { EXPECT_TRUE(memory_->Delete("a")); };
  store_->AddRule(rule);
  EXPECT_EQ(store_->Head("a").error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(store_->FaultsInjected(), 0u);
}

TEST_F(FaultStoreTest, AnswersOfCopiesAreChanged) {
  memory_->PutContent("a", "text");
  FaultRule rule;
  rule.operation = "copy";
  rule.bend = [](WriteResult& answer) { answer.crc64.reset(); };
  store_->AddRule(rule);
  CopyRequest request;
  request.source_key = "a";
  request.target_key = "b";
  const auto first = store_->Copy(request);
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->crc64);
  EXPECT_EQ(*memory_->Content("b"), "text");
  EXPECT_TRUE(store_->Copy(request)->crc64);
}

TEST_F(FaultStoreTest, AnAnswerTellsAnotherCrc) {
  FaultRule rule;
  rule.operation = "copy";
  rule.wrong_crc64 = true;
  store_->AddRule(rule);
  memory_->PutContent("f", "text");
  CopyRequest request;
  request.source_key = "f";
  request.target_key = "g";
  const uint64_t crc64 = *memory_->Head("f")->crc64;
  EXPECT_NE(*store_->Copy(request)->crc64, crc64);
  EXPECT_EQ(*store_->Copy(request)->crc64, crc64);
  EXPECT_EQ(memory_->Content("g"), "text");
  EXPECT_EQ(store_->FaultsInjected(), 1u);
}

TEST_F(FaultStoreTest, ACompleteThatComparesFailsAndIsMade) {
  FaultRule rule;
  rule.operation = "complete";
  rule.wrong_crc64 = true;
  rule.count = 2;
  store_->AddRule(rule);
  memory_->PutContent("f", "text");
  const uint64_t crc64 = *memory_->Head("f")->crc64;
  for (const std::optional<uint64_t> expected : {std::optional<uint64_t>(crc64), std::optional<uint64_t>()}) {
    const std::string upload = *store_->InitiateUpload("g", {});
    const PartResult part = *store_->CopyPart("g", upload, 1, "f", "", 0, 4);
    const Result<WriteResult> done = store_->CompleteUpload("g", upload, {part}, expected, false);
    EXPECT_EQ(memory_->Content("g"), "text");
    if (expected)
      EXPECT_EQ(done.error().kind, ErrorKind::kCorrupt);
    else
      EXPECT_NE(done->crc64, crc64);
  }
}

TEST_F(FaultStoreTest, AnyOperationUntilCleared) {
  memory_->PutContent("a", "1");
  store_->AddRule({"*", "", 0, -1, error_, false, -1});
  EXPECT_FALSE(store_->Probe("", std::chrono::seconds(1)));
  EXPECT_FALSE(GetNow(*store_, {"a", 0, 1, ""}, std::make_shared<StringSink>()));
  EXPECT_FALSE(PutNow(*store_, "a", "data"));
  EXPECT_FALSE(PartNow(*store_, "a", "id", 1, "data"));
  store_->ClearRules();
  EXPECT_TRUE(store_->Probe("", std::chrono::seconds(1)));
}

}  // namespace
}  // namespace ossfs2::oss
