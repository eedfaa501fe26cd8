// SwitchableCredentials: what is asked goes to the source in use.
#include "cli/daemon/switchable_credentials.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

namespace ossfs2 {
namespace {

class Scripted final : public oss::CredentialProvider {
 public:
  explicit Scripted(bool ready) : ready_(ready) {}
  Result<oss::SharedKeys> Current() override {
    return std::make_shared<const oss::KeySet>(oss::KeySet{ready_ ? "now" : "later", "s", ""});
  }
  bool Ready() const override { return ready_; }
  Status ForceRefresh(const oss::KeySet& used) override {
    return ready_ ? Status() : MakeError(EACCES, ErrorKind::kAccessDenied, used.access_key_id);
  }
  std::string Describe() const override { return ready_ ? "ready" : "waiting"; }

 private:
  const bool ready_;
};

TEST(SwitchableCredentials, SaysWhatItsSourceSays) {
  SwitchableCredentials credentials(std::make_shared<Scripted>(false));
  EXPECT_FALSE(credentials.Ready()) << "an event loop would wait for keys";
  EXPECT_EQ(credentials.Describe(), "waiting");
  const Status refused = credentials.ForceRefresh({"id", "s", ""});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().text, "id");
  credentials.Switch(std::make_shared<Scripted>(true));
  EXPECT_TRUE(credentials.Ready());
  EXPECT_EQ((*credentials.Current())->access_key_id, "now");
  EXPECT_TRUE(credentials.ForceRefresh({"id", "s", ""}));
}

}  // namespace
}  // namespace ossfs2
