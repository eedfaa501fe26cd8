// One upload alone: what its parts are after some of them failed.
#include "data/write/upload_multipart.h"

#include <string>

#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

TEST(MultipartUpload, APartThatCannotBeLoadedDoesNotLeaveTheOneBeforeIt) {
  const TempFolder folder;
  const auto store = oss::MakeMemoryStore();
  MemoryPool pool(64 * kMiB);
  UploadOptions options;
  options.staging_dir = folder.path();
  WriteServices services(*store, pool, options);
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

}  // namespace
}  // namespace ossfs2
