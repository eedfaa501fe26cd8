// MemoryStore, under most other tests: it answers and refuses as the service does.
#include "oss/fakes/memory_store.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "base/values/crc64.h"
#include "tests/oss/test_data.h"

namespace ossfs2::oss {
namespace {

class MemoryStoreTest : public testing::Test {
 protected:
  std::vector<std::string> ListAll(const ListRequest& first, size_t* pages = nullptr) {
    std::vector<std::string> keys;
    ListRequest request = first;
    for (size_t count = 1;; ++count) {
      const auto page = store_->List(request);
      EXPECT_TRUE(page);
      if (!page) return keys;
      for (const ListEntry& entry : page->entries) keys.push_back(entry.key);
      if (pages != nullptr) *pages = count;
      if (page->continuation.empty()) return keys;
      request.continuation = page->continuation;
    }
  }
  std::unique_ptr<MemoryStore> store_ = MakeMemoryStore();
};

TEST_F(MemoryStoreTest, PutHeadGet) {
  WriteOptions options;
  options.metadata = {{"mode", "420"}};
  const auto put = PutNow(*store_, "a/b.json", "0123456789", options, Crc64(0, "0123456789", 10));
  ASSERT_TRUE(put);
  EXPECT_EQ(put->etag, "781E5E245D69B566979B86E28D23F2C7");
  const auto head = store_->Head("a/b.json");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->size, 10u);
  EXPECT_EQ(head->content_type, "application/json");
  EXPECT_EQ(head->metadata, options.metadata);
  auto sink = std::make_shared<StringSink>(3);
  ASSERT_TRUE(GetNow(*store_, {"a/b.json", 2, 7, put->etag}, sink));
  EXPECT_EQ(sink->text(), "2345678");
  EXPECT_EQ(store_->BytesSent(), 7u);
  EXPECT_EQ(store_->BytesReceived(), 10u);
  EXPECT_EQ(store_->Requests().at("get"), 1u);
}

TEST_F(MemoryStoreTest, GetErrors) {
  store_->PutContent("k", "abc");
  auto sink = std::make_shared<StringSink>();
  EXPECT_EQ(GetNow(*store_, {"none", 0, 1, ""}, sink).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(ErrnoOf(GetNow(*store_, {"k", 0, 1, "OTHER"}, sink)), ESTALE);
  EXPECT_EQ(ErrnoOf(GetNow(*store_, {"k", 1, 3, ""}, sink)), ESTALE);
  auto limited = std::make_shared<StringSink>(1, 2);
  EXPECT_EQ(GetNow(*store_, {"k", 0, 3, ""}, limited).error().kind, ErrorKind::kCanceled);
}

TEST_F(MemoryStoreTest, PutRefusesWrongCrcNamesAndOverwrites) {
  EXPECT_EQ(PutNow(*store_, "k", "abc", {}, 1).error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(ErrnoOf(Status(PutNow(*store_, "/k", "abc").error())), EINVAL);
  EXPECT_EQ(ErrnoOf(Status(PutNow(*store_, std::string(1024, 'k'), "abc").error())), EINVAL);
  WriteOptions exclusive;
  exclusive.forbid_overwrite = true;
  EXPECT_EQ(PutNow(*store_, "k", "abc", exclusive).error().kind, ErrorKind::kAlreadyExists);
}

TEST_F(MemoryStoreTest, ListGroupsAndPages) {
  for (const char* key : {"a", "d/", "d/1", "d/2", "d/e/1", "d/e/2", "d0", "z"}) store_->PutContent(key, "x");
  EXPECT_EQ(ListAll({"", "/", "", "", 1000}), (std::vector<std::string>{"a", "d/", "d0", "z"}));
  EXPECT_EQ(ListAll({"d/", "/", "", "", 1000}), (std::vector<std::string>{"d/", "d/1", "d/2", "d/e/"}));
  size_t pages = 0;
  EXPECT_EQ(ListAll({"", "", "", "", 3}, &pages).size(), 8u);
  EXPECT_EQ(pages, 3u);
  EXPECT_EQ(ListAll({"", "/", "", "", 1}, &pages), (std::vector<std::string>{"a", "d/", "d0", "z"}));
  EXPECT_EQ(pages, 4u);
  EXPECT_EQ(ListAll({"", "", "", "d/2", 1000}), (std::vector<std::string>{"d/e/1", "d/e/2", "d0", "z"}));
  EXPECT_FALSE(store_->List({"", "", "", "", 1001}));
  EXPECT_FALSE(store_->List({"", "", "rubbish", "", 10}));
}

TEST_F(MemoryStoreTest, CopyChecksVersionAndReplacesMetadata) {
  store_->PutContent("s", "abc", {{"mode", "1"}});
  const auto source = store_->Head("s");
  ASSERT_TRUE(store_->Copy({"s", source->etag, "t", false, std::nullopt}));
  EXPECT_EQ(store_->MetadataOf("t"), (Metadata{{"mode", "1"}}));
  EXPECT_EQ(store_->Copy({"s", "OTHER", "t", false, std::nullopt}).error().kind, ErrorKind::kVersionChanged);
  EXPECT_EQ(store_->Copy({"s", "", "t", true, std::nullopt}).error().kind, ErrorKind::kAlreadyExists);
  WriteOptions replace;
  replace.metadata = {{"mode", "2"}};
  ASSERT_TRUE(store_->Copy({"s", "", "s", false, replace}));
  EXPECT_EQ(store_->MetadataOf("s"), (Metadata{{"mode", "2"}}));
}

TEST_F(MemoryStoreTest, Multipart) {
  const std::string big(kPartBytesMin, 'x');
  const auto id = store_->InitiateUpload("m", {});
  ASSERT_TRUE(id);
  const auto one = PartNow(*store_, "m", *id, 1, big, Crc64(0, big.data(), big.size()));
  const auto three = PartNow(*store_, "m", *id, 3, "tail");
  ASSERT_TRUE(one && three);
  store_->PutContent("s", "0123456789");
  const auto two = store_->CopyPart("m", *id, 2, "s", "", 2, 3);
  ASSERT_TRUE(two);
  EXPECT_EQ(store_->ListParts("m", *id)->size(), 3u);
  EXPECT_EQ(store_->ListUploads("")->size(), 1u);
  EXPECT_EQ(store_->CompleteUpload("m", *id, {*one, *two, *three}, std::nullopt, false).error().oss_code,
            "EntityTooSmall");
  EXPECT_EQ(store_->CompleteUpload("m", *id, {*three, *one}, std::nullopt, false).error().oss_code,
            "InvalidPartOrder");
  const auto done = store_->CompleteUpload("m", *id, {*one, *three}, std::nullopt, false);
  ASSERT_TRUE(done);
  EXPECT_TRUE(done->etag.ends_with("-2"));
  EXPECT_EQ(store_->Content("m"), big + "tail");
  EXPECT_EQ(store_->OpenUploads(), 0u);
  EXPECT_EQ(store_->CompleteUpload("m", *id, {*one}, std::nullopt, false).error().oss_code, "NoSuchUpload");
  EXPECT_TRUE(store_->AbortUpload("m", *id));
}

TEST_F(MemoryStoreTest, AppendAtTheRightPositionOnly) {
  ASSERT_TRUE(store_->Append("log", 0, BodyOf("one"), {}));
  const auto two = store_->Append("log", 3, BodyOf("two"), {});
  ASSERT_TRUE(two);
  EXPECT_EQ(two->crc64, Crc64(0, "onetwo", 6));
  EXPECT_EQ(store_->Append("log", 3, BodyOf("x"), {}).error().oss_code, "PositionNotEqualToLength");
  store_->PutContent("normal", "");
  EXPECT_EQ(store_->Append("normal", 0, BodyOf("x"), {}).error().oss_code, "ObjectNotAppendable");
}

TEST_F(MemoryStoreTest, SymlinksDescribeThemselvesAndAreFollowedOnce) {
  store_->PutContent("t", "data");
  ASSERT_TRUE(store_->PutSymlink("l", "t", {}));
  ASSERT_TRUE(store_->PutSymlink("broken", "nothing", {}));
  EXPECT_EQ(store_->Head("l")->type, ObjectType::kSymlink);
  EXPECT_EQ(store_->Head("broken")->size, 7u);
  EXPECT_EQ(*store_->GetSymlink("l"), "t");
  EXPECT_EQ(store_->GetSymlink("t").error().oss_code, "NotSymlink");
  auto sink = std::make_shared<StringSink>();
  ASSERT_TRUE(GetNow(*store_, {"l", 0, 4, ""}, sink));
  EXPECT_EQ(sink->text(), "data");
  EXPECT_EQ(GetNow(*store_, {"broken", 0, 4, ""}, sink).error().kind, ErrorKind::kNotFound);
}

TEST_F(MemoryStoreTest, DeleteOfMissingKeysSucceeds) {
  store_->PutContent("a", "1");
  EXPECT_TRUE(store_->Delete("none"));
  EXPECT_TRUE(store_->DeleteMany({"a", "none"}));
  EXPECT_TRUE(store_->Keys().empty());
}

TEST_F(MemoryStoreTest, HeldCallsRunInOrderWhenReleasedAndCancelAtOnce) {
  store_->PutContent("k", "abc");
  store_->HoldData(true);
  std::promise<Status> first, second;
  auto sink = std::make_shared<StringSink>();
  const auto call1 =
      store_->GetAsync({"k", 0, 3, ""}, sink, [&](Status s) { first.set_value(std::move(s)); });
  const auto call2 =
      store_->GetAsync({"k", 0, 3, ""}, sink, [&](Status s) { second.set_value(std::move(s)); });
  EXPECT_EQ(store_->HeldCalls(), 2u);
  call2->Cancel();
  EXPECT_EQ(second.get_future().get().error().kind, ErrorKind::kCanceled);
  EXPECT_EQ(store_->HeldCalls(), 1u);
  store_->ReleaseHeld(1);
  EXPECT_TRUE(first.get_future().get());
  EXPECT_EQ(sink->text(), "abc");
  call1->Cancel();  // after its end: nothing happens
}

TEST_F(MemoryStoreTest, EndCallsCancelsWhatIsHeldAndLaterWhatComes) {
  store_->PutContent("k", "abc");
  store_->HoldData(true);
  const auto get = [this] {
    auto promise = std::make_shared<std::promise<Status>>();
    static_cast<void>(store_->GetAsync({"k", 0, 3, ""}, std::make_shared<StringSink>(),
                                       [promise](Status status) { promise->set_value(std::move(status)); }));
    return promise->get_future();
  };
  auto held = get();
  store_->EndCalls(std::chrono::milliseconds(0), std::chrono::hours(1));
  EXPECT_EQ(held.get().error().kind, ErrorKind::kCanceled);
  auto in_grace = get();
  EXPECT_EQ(store_->HeldCalls(), 1u);
  store_->ReleaseHeld(1);
  EXPECT_TRUE(in_grace.get());
  auto last = get();
  store_->EndCalls(std::chrono::milliseconds(0), std::chrono::milliseconds(0));
  EXPECT_EQ(last.get().error().kind, ErrorKind::kCanceled);
  EXPECT_EQ(get().get().error().kind, ErrorKind::kCanceled);
}

TEST_F(MemoryStoreTest, DestructorEndsHeldCallsAsCanceled) {
  std::promise<Status> promise;
  store_->HoldData(true);
  auto call = store_->GetAsync({"k", 0, 3, ""}, std::make_shared<StringSink>(),
                               [&](Status s) { promise.set_value(std::move(s)); });
  store_.reset();
  EXPECT_EQ(promise.get_future().get().error().kind, ErrorKind::kCanceled);
}

}  // namespace
}  // namespace ossfs2::oss
