// BucketDoctor: TLS, clock, credentials and rights of `ossfs2 check`, asked of the service itself.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cli/commands/doctor.h"
#include "cli/daemon/mount_stack.h"

namespace ossfs2 {

class BucketDoctor {
 public:
  explicit BucketDoctor(const Settings& settings) : settings_(settings) {}
  void Examine(const std::function<void(const Finding&)>& show);

 private:
  using Show = std::function<void(const Finding&)>;
  bool Service(const Show& show);
  bool Credentials(const Show& show);
  bool List(const Show& show);
  void Scratch(const Show& show);
  void Upload(const Show& show, const std::string& key);
  void Prefix(const Show& show);
  void Versioning(const Show& show, const std::string& scratch_key);

  const Settings& settings_;
  StoreStack stack_;
};

}  // namespace ossfs2
