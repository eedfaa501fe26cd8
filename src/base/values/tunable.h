// Tunable<T>: a number in a struct of options that can change while it is in use.
//
// Copies of the struct share the number: Change is seen by whoever holds a copy. Assignment does not reach the
// copies; it gives this one a number of its own. Value and Change: any thread, without locks; a reader sees the old
// value or the new one. Assignment and copying: as for any struct.
#pragma once

#include <atomic>
#include <memory>

namespace ossfs2 {

template <class T>
class Tunable {
 public:
  Tunable(T value = T{}) : cell_(std::make_shared<std::atomic<T>>(value)) {}  // NOLINT: as the T it stands for
  Tunable& operator=(T value) {
    cell_ = std::make_shared<std::atomic<T>>(value);
    return *this;
  }

  T value() const { return cell_->load(std::memory_order_relaxed); }
  operator T() const { return value(); }  // NOLINT
  void Change(T value) const { cell_->store(value, std::memory_order_relaxed); }

 private:
  std::shared_ptr<std::atomic<T>> cell_;
};

}  // namespace ossfs2
