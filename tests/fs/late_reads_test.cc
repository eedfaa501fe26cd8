// Reads on their way while their file is stored anew, replaced or removed, here or on another host.
#include <chrono>
#include <functional>
#include <future>
#include <thread>

#include "oss/fakes/fault_store.h"
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

class LateReads : public ::testing::Test {
 protected:
  // Runs before the next request of that kind.
  void Meanwhile(const std::string& operation, std::function<void()> work) {
    oss::FaultRule rule;
    rule.operation = operation;
    rule.meanwhile = std::move(work);
    faults_->AddRule(rule);
  }
  // Returns when `count` GETs and one more were made.
  void WaitForGetAfter(uint64_t count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (Gets() == count && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  }
  uint64_t Gets() { return store_->Requests()["get"]; }
  FakeClock clock_;
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  std::unique_ptr<oss::FaultStore> faults_ = oss::MakeFaultStore(*store_);
  TestMount mount_{*faults_, {}, clock_};
};

// A read that was on its way when its file lost its name here finds another object, or none.
TEST_F(LateReads, AReadOfAFileThatIsReplacedMeanwhileGetsItsBytes) {
  for (const char* key : {"f", "other"}) store_->PutContent(key, key);
  const HandleId handle = *mount_.OpenPath("f", O_RDONLY);
  Meanwhile("get", [this] { EXPECT_EQ(mount_.Rename("other", "f"), 0); });
  const Result<std::string> bytes = mount_.Read(handle, 0, 10);
  ASSERT_TRUE(bytes) << bytes.error().ToString();
  EXPECT_EQ(*bytes, "f");
  EXPECT_EQ(*mount_.Get("f"), "other");
  EXPECT_EQ(mount_.Close(handle), 0);
}

TEST_F(LateReads, AReadOfAFileThatIsRemovedMeanwhileGetsItsBytes) {
  store_->PutContent("f", "text");
  const HandleId handle = *mount_.OpenPath("f", O_RDONLY);
  Meanwhile("get", [this] { EXPECT_EQ(mount_.Unlink("f"), 0); });
  const Result<std::string> bytes = mount_.Read(handle, 0, 10);
  ASSERT_TRUE(bytes) << bytes.error().ToString();
  EXPECT_EQ(*bytes, "text");
  EXPECT_EQ(mount_.Close(handle), 0);
}

// The bucket has the new object, and the rename here has not been told so yet.
TEST_F(LateReads, AReadInTheMiddleOfAReplacingRenameGetsItsBytes) {
  for (const char* key : {"f", "other"}) store_->PutContent(key, key);
  const HandleId handle = *mount_.OpenPath("f", O_RDONLY);
  std::future<Result<std::string>> read;
  oss::FaultRule rule;
  rule.operation = "copy";
  rule.key_part = "f";
  rule.afterwards = [&] {
    const uint64_t before = Gets();
    read = std::async(std::launch::async, [&] { return mount_.Read(handle, 0, 10); });
    WaitForGetAfter(before);
  };
  faults_->AddRule(rule);
  EXPECT_EQ(mount_.Rename("other", "f"), 0);
  const Result<std::string> bytes = read.get();
  ASSERT_TRUE(bytes) << bytes.error().ToString();
  EXPECT_EQ(*bytes, "f");
  EXPECT_EQ(mount_.Close(handle), 0);
}

// Through another handle, whose fsync has stored the new version when the GET of the old one comes to the bucket.
TEST_F(LateReads, AReadOfAFileThatIsStoredAnewHereMeanwhileGetsTheNewBytes) {
  store_->PutContent("f", "old");
  const HandleId reader = *mount_.OpenPath("f", O_RDONLY);
  const HandleId writer = *mount_.OpenPath("f", O_RDWR);
  Meanwhile("get", [&] {
    EXPECT_TRUE(mount_.Write(writer, 0, "new"));
    EXPECT_TRUE(mount_.fs().Fsync(writer));
  });
  const Result<std::string> bytes = mount_.Read(reader, 0, 10);
  ASSERT_TRUE(bytes) << bytes.error().ToString();
  EXPECT_EQ(*bytes, "new");
  EXPECT_EQ(mount_.Close(writer), 0);
  EXPECT_EQ(mount_.Close(reader), 0);
}

// The bucket has another version, and the publication here is not through yet.
TEST_F(LateReads, AReadInTheMiddleOfAPublicationGetsTheNewBytes) {
  store_->PutContent("f", "old");
  const HandleId reader = *mount_.OpenPath("f", O_RDONLY);
  const HandleId writer = *mount_.OpenPath("f", O_RDWR);
  std::promise<void> publishing;
  std::thread publication;
  Meanwhile("put", [&] {
    store_->PutContent("f", "from the publication");
    const uint64_t before = Gets();
    publishing.set_value();
    WaitForGetAfter(before);
  });
  Meanwhile("get", [&] {
    EXPECT_TRUE(mount_.Write(writer, 0, "new"));
    publication = std::thread([&] { EXPECT_TRUE(mount_.fs().Fsync(writer)); });
    publishing.get_future().wait();
  });
  const Result<std::string> bytes = mount_.Read(reader, 0, 10);
  publication.join();
  ASSERT_TRUE(bytes) << bytes.error().ToString();
  EXPECT_EQ(*bytes, "new");
  EXPECT_EQ(mount_.Close(writer), 0);
  EXPECT_EQ(mount_.Close(reader), 0);
}

TEST_F(LateReads, AReadOfAFileThatAnotherHostReplacedFails) {
  store_->PutContent("f", "old");
  const HandleId handle = *mount_.OpenPath("f", O_RDWR);
  store_->PutContent("f", "new");
  const Result<std::string> bytes = mount_.Read(handle, 0, 10);
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().errno_value, ESTALE);
  mount_.Close(handle);
}

}  // namespace
}  // namespace ossfs2::test
