// The nodes of a program in order in, which buffers have been written for sure out.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/plan.h"

namespace wtw {

class Written {
 public:
  // Nothing is written. False when memory ran out.
  [[nodiscard]] bool reset(const Plan& plan, const ProgramRecord& program);
  void write(uint32_t buffer);
  bool operator[](uint32_t buffer) const { return cells_[buffer].written; }
  // Before each node: what it is. False where it ends a region that the program has not begun.
  bool enter(Control control);
  bool is_outside() const { return depth_ == 0; }

 private:
  struct Part {
    size_t first, middle;  // in the log
    bool is_loop;
  };

  void unwrite(size_t first, size_t end);
  void forget(size_t first);
  void join(const Part& part);

  // Of a buffer: whether it is written; whether it was in the first part of a choice. And the log
  // of what was first written in the regions that are open.
  struct Cell {
    bool written, both;
    uint32_t logged;
  };
  Array<Cell> cells_;
  size_t logged_ = 0;
  Part parts_[kMaxDepth];
  uint32_t depth_ = 0;
};

}  // namespace wtw
