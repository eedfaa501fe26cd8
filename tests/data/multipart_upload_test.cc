// One upload alone: what its parts are after some of them failed.
#include "data/upload/multipart_upload.h"

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "base/values/str.h"
#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

TEST(MultipartUpload, APartThatCannotBeLoadedDoesNotLeaveTheOneBeforeIt) {
  const TempFolder folder;
  const auto store = oss::MakeMemoryStore();
  MemoryPool pool(64 * kMiB);
  UploadOptions options;
  options.staging_dir = folder.path();
  UploadServices services(*store, pool, options);
  const std::string content = Random(kMiB, 61);
  const auto upload = MultipartUpload::Begin(services, 1, "file", {});
  upload->SendMemory(1, Bytes(content), nullptr);
  ASSERT_TRUE(upload->Wait());
  ASSERT_TRUE(upload->Part(1));
  upload->SendLater(1, []() -> Result<std::shared_ptr<PartBuffer>> {
    return MakeError(EIO, ErrorKind::kOther, "injected");
  });
  EXPECT_FALSE(upload->Wait());
  EXPECT_TRUE(upload->ClearFailure());
  EXPECT_FALSE(upload->Part(1)) << "of bytes that are not the part's any more";
  upload->Abort();
  services.activity.WaitUntilIdle();
}

// An abort waits for what is under way, and for the service.
TEST(MultipartUpload, ManyThatAreGivenUpHoldUpNoOther) {
  constexpr int kGivenUp = 40;  // more than there are threads
  const TempFolder folder;
  const auto store = oss::MakeMemoryStore();
  const auto faults = oss::MakeFaultStore(*store);
  MemoryPool pool(64 * kMiB);
  UploadOptions options;
  options.staging_dir = folder.path();
  UploadServices services(*faults, pool, options);
  std::promise<void> answers;
  oss::FaultRule slow;
  slow.operation = "abort";
  slow.count = -1;
  slow.meanwhile = [answered = answers.get_future().share()] { answered.wait(); };
  faults->AddRule(slow);
  std::vector<std::shared_ptr<MultipartUpload>> given_up;
  for (uint64_t owner = 1; owner <= kGivenUp; ++owner) {
    given_up.push_back(MultipartUpload::Begin(services, owner, StrCat("f", owner), {}));
    EXPECT_TRUE(given_up.back()->Wait());
  }
  for (const auto& upload : given_up) upload->Abort();
  const auto other = MultipartUpload::Begin(services, kGivenUp + 1, "other", {});
  auto opened = std::async(std::launch::async, [other] { return ErrnoOf(other->Wait()); });
  EXPECT_EQ(opened.wait_for(std::chrono::seconds(60)), std::future_status::ready) << "it waits for the aborts";
  answers.set_value();
  EXPECT_EQ(opened.get(), 0);
  services.activity.WaitUntilIdle();
  EXPECT_EQ(store->OpenUploads(), 1u);
}

}  // namespace
}  // namespace ossfs2
