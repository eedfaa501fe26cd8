// Doctor: examines a set-up from the machine up to the bucket and says what to do next.
//
// Every examination gives findings in the order in which a failure explains the following ones; after a
// failed network or credential check the later ones that need it are left out. It writes and removes one
// scratch object below the prefix (not with ro), reads it back, and opens and ends an upload; nothing else is changed.
// Each step has a time limit.
// Blocking, from one thread.
#pragma once

#include <functional>
#include <string>

#include "cli/settings/settings.h"

namespace ossfs2 {

enum class Verdict { kPass, kWarn, kFail };

struct Finding {
  std::string name;
  Verdict verdict = Verdict::kPass;
  std::string text;
  std::string next_step;
};

class Doctor {
 public:
  // `model_directory`: compare the page cache's room with the size of the files there; empty: no.
  Doctor(const Settings& settings, std::string model_directory)
      : settings_(settings), model_directory_(std::move(model_directory)) {}
  void Examine(const std::function<void(const Finding&)>& show);

 private:
  using Show = std::function<void(const Finding&)>;
  void Machine(const Show& show);
  void Memory(const Show& show);
  bool Network(const Show& show);
  void Bucket(const Show& show);

  const Settings& settings_;
  const std::string model_directory_;
};

}  // namespace ossfs2
