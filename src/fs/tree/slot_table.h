// SlotTable: the children of a directory in the order of readdir. A child's place is its cookie and never changes while
// somebody reads the directory, also when all names before it have left memory.
//
// In pieces, so that places whose names are gone cost no memory: of a million names that were listed and dropped
// 125 KiB are left, and not 8 MiB.
// Guarded by Tree::mutex, as the nodes are; it owns none.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace ossfs2 {

struct Node;

class SlotTable {
 public:
  size_t size() const { return size_; }  // with the empty ones
  size_t held() const { return held_; }  // slots that take memory
  // Null: the name is gone.
  Node* operator[](size_t slot) const {
    const std::vector<Node*>& nodes = pieces_[slot / kPieceSlots].nodes;
    return nodes.empty() ? nullptr : nodes[slot % kPieceSlots];
  }

  void Add(Node* node) {
    if (size_ % kPieceSlots == 0) pieces_.emplace_back();
    pieces_.back().nodes.push_back(node);
    ++pieces_.back().used;
    ++size_;
    ++held_;
  }

  void Clear(size_t slot) {
    Piece& piece = pieces_[slot / kPieceSlots];
    piece.nodes[slot % kPieceSlots] = nullptr;
    if (--piece.used > 0 || piece.nodes.size() < kPieceSlots) return;
    held_ -= kPieceSlots;
    std::vector<Node*>().swap(piece.nodes);
  }

  // Takes the empty slots out. `numbered(node, slot)` is told where each node is now.
  template <class Numbered>
  void Compact(Numbered numbered) {
    const std::vector<Piece> before = std::exchange(pieces_, {});
    size_ = held_ = 0;
    for (const Piece& piece : before) {
      for (Node* node : piece.nodes) {
        if (node == nullptr) continue;
        numbered(node, size_);
        Add(node);
      }
    }
  }

 private:
  static constexpr size_t kPieceSlots = 256;
  struct Piece {
    std::vector<Node*> nodes;  // empty: all are gone
    size_t used = 0;           // not null
  };

  std::vector<Piece> pieces_;
  size_t size_ = 0;
  size_t held_ = 0;
};

}  // namespace ossfs2
