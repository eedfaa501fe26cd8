// Files whose object takes appends (enable_appendable_object): contents and requests.
#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

class WriteAppendable : public WriteFixture {};

TEST_F(WriteAppendable, AppendableIsEmptiedBeforeItWasPublished) {
  options_.appendable = true;
  for (const bool existed : {false, true}) {
    const std::string key = existed ? "log" : "new";
    if (existed) {
      auto log = NewFile(key);
      MustWrite(*log, 0, "first");
      MustPublish(*log);
    }
    auto file = existed ? OpenFile(key) : NewFile(key);
    WriteInOrder(*file, Random(2 * kMiB, 5), 64 * kKiB, file->size());  // most of it is appended already
    ASSERT_TRUE(file->Truncate(0));
    MustWrite(*file, 0, "another");
    MustWrite(*file, 7, " text");
    MustPublish(*file);
    ExpectContent(key, "another text");
  }
}

TEST_F(WriteAppendable, AppendableGrowsInPlaceAndConverts) {
  options_.appendable = true;
  options_.appendable_autoswitch_bytes = kMiB;
  auto file = NewFile("log");
  ASSERT_TRUE(WriteAt(*file, 0, "one ", WritePlace::kEnd));
  MustPublish(*file);
  ASSERT_TRUE(WriteAt(*file, 0, "two", WritePlace::kEnd));
  MustPublish(*file);
  ExpectContent("log", "one two");
  EXPECT_EQ(store_->Head("log")->type, ObjectType::kAppendable);
  EXPECT_EQ(Count("append"), 2u);

  const std::string old = Random(700'000, 12);
  store_->PutContent("normal", old);
  auto converted = OpenFile("normal");
  ASSERT_TRUE(WriteAt(*converted, 0, "tail", WritePlace::kEnd));
  MustPublish(*converted);
  ExpectContent("normal", old + "tail");
  EXPECT_EQ(store_->Head("normal")->type, ObjectType::kAppendable);
  MustWrite(*converted, 5, "PATCH");  // leaves the appendable way
  MustPublish(*converted);
  EXPECT_EQ(store_->Content("normal")->substr(5, 5), "PATCH");
  EXPECT_EQ(store_->Keys().size(), 2u);
}

}  // namespace
}  // namespace ossfs2
