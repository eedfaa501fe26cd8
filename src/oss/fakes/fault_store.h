// FaultStore: wraps a store and fails chosen calls, changes their answers, or does something in the middle of them, for
// tests of the layers above.
//
// Rules are asked in order; the first that matches and is not used up decides. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "ossfs2/object_store.h"

namespace ossfs2::oss {

struct FaultRule {
  std::string operation;      // a name of MemoryStore::Requests; "*": any
  std::string key_part;       // matches keys that contain it; empty: any
  int skip = 0;               // let so many pass first
  int count = 1;              // then fail so many; -1: all
  Error error;                // what the call returns
  bool after_effect = false;  // the wrapped call is made, its answer lost
  int64_t bytes_before = -1;  // for get: deliver so many bytes, then fail
  // put, part, copy_part, copy, complete, append: the call is made, and its answer tells another CRC64 than the object
  // has. A complete whose caller says what to expect fails for it (kCorrupt), the object made, as OssStore's does.
  bool wrong_crc64 = false;
  // Run first, in the caller's thread; the call is then made and answered as if there were no rule.
  std::function<void()> meanwhile = nullptr;
  // Of the calls that block: the call is made as if there were no rule, then this runs, before the caller has the
  // answer.
  std::function<void()> afterwards = nullptr;
  // For "copy" and "complete": the call is made, and its good answer changed so.
  std::function<void(WriteResult&)> bend = nullptr;
};

class FaultStore : public ObjectStore {
 public:
  virtual void AddRule(FaultRule rule) = 0;
  virtual void ClearRules() = 0;
  virtual uint64_t FaultsInjected() const = 0;
};

std::unique_ptr<FaultStore> MakeFaultStore(ObjectStore& wrapped);

}  // namespace ossfs2::oss
