// Keys that are refused in the middle of a mount: others are waited for, as long as they may come.
#include "oss/credentials/served_keys.h"

#include "tests/oss/store_fixture.h"

namespace ossfs2::oss {
namespace {

using ServedKeysStore = StoreFixture;

Reply HeadReply() {
  Reply reply;
  reply.headers = {{"Content-Length", "11"},
                   {"ETag", "\"E1\""},
                   {"x-oss-object-type", "Normal"},
                   {"Last-Modified", "Wed, 28 Dec 2022 10:27:41 GMT"}};
  return reply;
}

// The old ones may be disabled before the new ones are in their file.
TEST_F(ServedKeysStore, WaitsForKeysThatReplaceThoseThatServed) {
  credentials_.LetChange();
  credentials_.Keep(true);
  Serve([this](const SeenRequest& request, size_t number) {
    if (number == 4) credentials_.Keep(false);
    const bool good = number == 1 || request.Header("authorization").find("Credential=ak2/") != std::string::npos;
    return good ? HeadReply() : ErrorReply(403, "InvalidAccessKeyId");
  });
  EXPECT_TRUE(store_->Head("k"));
  EXPECT_TRUE(store_->Head("k"));
  EXPECT_EQ(credentials_.refreshes(), 1);
}

// New ones are not known everywhere at once, and the files of a folder may be read between two of their writes.
TEST_F(ServedKeysStore, WaitsWhenTheNewKeysAreRefusedAtFirst) {
  credentials_.LetChange();
  Serve([](const SeenRequest& request, size_t number) {
    const bool is_new = request.Header("authorization").find("Credential=ak2/") != std::string::npos;
    if (number == 1 || (is_new && number > 4)) return HeadReply();
    return ErrorReply(403, is_new ? "SignatureDoesNotMatch" : "SecurityTokenExpired");
  });
  EXPECT_TRUE(store_->Head("k"));
  EXPECT_TRUE(store_->Head("k"));
  EXPECT_EQ(http_->Count(), 5u);
}

TEST_F(ServedKeysStore, KeysThatNeverServedAreRefusedAtOnce) {
  credentials_.LetChange();
  credentials_.Keep(true);
  ServeInTurn({ErrorReply(403, "InvalidAccessKeyId")});
  EXPECT_EQ(store_->Head("k").error().kind, ErrorKind::kAccessDenied);
  EXPECT_EQ(http_->Count(), 1u);
}

TEST(ServedKeysTest, AreAwaitedForAWhileFromTheirFirstRefusal) {
  FakeClock clock;
  ServedKeys served;
  EXPECT_LE(served.Awaited(clock.NowSteady()).count(), 0) << "none has served yet";
  served.OnServed();
  EXPECT_EQ(served.Awaited(clock.NowSteady()), ServedKeys::kAwaited);
  clock.Advance(ServedKeys::kAwaited - std::chrono::seconds(1));
  EXPECT_EQ(served.Awaited(clock.NowSteady()), std::chrono::seconds(1));
  clock.Advance(std::chrono::seconds(1));
  EXPECT_LE(served.Awaited(clock.NowSteady()).count(), 0);
  served.OnServed();
  EXPECT_EQ(served.Awaited(clock.NowSteady()), ServedKeys::kAwaited) << "enabled again";
}

}  // namespace
}  // namespace ossfs2::oss
