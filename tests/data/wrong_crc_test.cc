// An answer that tells another CRC64 than that of what was sent: nothing is taken for stored, and the data stays here.
#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

class WrongCrc : public WriteFixture {
 protected:
  void Answer(const std::string& operation, int skip = 0) {
    oss::FaultRule rule;
    rule.operation = operation;
    rule.skip = skip;
    rule.wrong_crc64 = true;
    faults_->AddRule(rule);
  }
  void ExpectCorrupt(const Result<Published>& published) {
    ASSERT_FALSE(published);
    EXPECT_EQ(published.error().errno_value, EIO);
    EXPECT_EQ(published.error().kind, ErrorKind::kCorrupt);
  }
};

TEST_F(WrongCrc, OfAPartPublishesNothing) {
  store_->PutContent("file", "old");
  auto file = OpenFile();
  ASSERT_TRUE(file->Truncate(0));
  Answer("part", 1);
  const std::string data = Random(2 * kMiB, 1);
  Status status;
  for (size_t at = 0; status && at < data.size(); at += kPart)
    status = WriteAt(*file, at, std::string_view(data).substr(at, kPart));
  ExpectCorrupt(file->Publish({}));
  ExpectContent("file", "old");
  EXPECT_EQ(faults_->FaultsInjected(), 1u);
  file->Discard();
  file.reset();
  engine_.reset();
  EXPECT_EQ(store_->OpenUploads(), 0u);
}

TEST_F(WrongCrc, OfACompleteKeepsTheData) {
  store_->PutContent("file", "old");
  auto file = OpenFile();
  ASSERT_TRUE(file->Truncate(0));
  const std::string data = Random(2 * kMiB, 2);
  WriteInOrder(*file, data, 100'000);
  Answer("complete");
  ExpectCorrupt(file->Publish({}));
  EXPECT_EQ(faults_->FaultsInjected(), 1u);
}

// A part copy tells none on the real service; one that is told is not believed over what the object then has.
TEST_F(WrongCrc, OfACopiedPartStoresNothingWrong) {
  const std::string old = Random(4 * kMiB, 3);
  store_->PutContent("file", old);
  auto file = OpenFile();
  ASSERT_TRUE(WriteAt(*file, 2 * kMiB, "patch"));
  Answer("copy_part");
  const Result<Published> published = file->Publish({});
  EXPECT_EQ(faults_->FaultsInjected(), 1u);
  std::string wanted = old;
  wanted.replace(2 * kMiB, 5, "patch");
  if (published)
    ExpectContent("file", wanted);
  else
    ExpectCorrupt(published);
}

TEST_F(WrongCrc, OfAnAppendableCopyPutsTheOldVersionBack) {
  options_.appendable = true;
  options_.appendable_autoswitch_bytes = 10 * kMiB;
  const std::string old = Random(2 * kMiB + 17, 4);
  store_->PutContent("file", old);
  auto file = OpenFile();
  Answer("append", 2);  // the last piece of the copy
  const Status written = file->Write(old.size(), Bytes("more"), WritePlace::kOffset);
  const Result<Published> published = file->Publish({});
  EXPECT_EQ(faults_->FaultsInjected(), 1u);
  EXPECT_TRUE(!written || !published);
  ExpectContent("file", old);
  EXPECT_EQ(store_->Keys().size(), 1u);
}

}  // namespace
}  // namespace ossfs2
