// Walks the positions of an n-d shape in logical order, with the offsets they have in N tensors.
#pragma once

#include <array>
#include <cstdint>

#include "core/tensor.h"

namespace wtw {

template <int N>
class Odometer {
 public:
  using Steps = std::array<int64_t, N>;
  struct Axis {
    int64_t size;
    Steps steps;  // offset between neighbours, in elements; may be negative
  };

  // Appends an axis inside those so far, merged with the last one where the steps allow it. Without
  // positions there is nothing to walk: no axis that is kept has size 0.
  void add(int64_t size, const Steps& steps) {
    positions_ *= size;
    if (size == 1 || positions_ == 0) return;
    if (rank_ > 0 && merges(axes_[rank_ - 1], size, steps)) {
      axes_[rank_ - 1] = {axes_[rank_ - 1].size * size, steps};
    } else {
      axes_[rank_++] = {size, steps};
    }
  }

  // Takes the innermost axis off, for a loop of its own. Only with positions.
  Axis pop() {
    if (rank_ == 0) return {1, {}};
    const Axis axis = axes_[--rank_];
    positions_ /= axis.size;
    return axis;
  }

  int64_t positions() const { return positions_; }

  void seek(int64_t position) {
    offset_ = {};
    for (int i = rank_ - 1; i >= 0; --i) {
      index_[i] = position % axes_[i].size;
      position /= axes_[i].size;
      for (int k = 0; k < N; ++k) offset_[k] += index_[i] * axes_[i].steps[k];
    }
  }

  void next() {
    for (int i = rank_ - 1; i >= 0; --i) {
      for (int k = 0; k < N; ++k) offset_[k] += axes_[i].steps[k];
      if (++index_[i] < axes_[i].size) return;
      index_[i] = 0;
      for (int k = 0; k < N; ++k) offset_[k] -= axes_[i].size * axes_[i].steps[k];
    }
  }

  // The offsets at a position, without going there.
  Steps at(int64_t position) const {
    Steps offset = {};
    for (int i = rank_ - 1; i >= 0; --i) {
      const int64_t index = position % axes_[i].size;
      position /= axes_[i].size;
      for (int k = 0; k < N; ++k) offset[k] += index * axes_[i].steps[k];
    }
    return offset;
  }

  // The current position's offset in tensor k, in elements.
  int64_t operator[](int k) const { return offset_[k]; }

 private:
  static bool merges(const Axis& outer, int64_t size, const Steps& steps) {
    for (int k = 0; k < N; ++k) {  // unsigned: strides of empty tensors can be anything
      if (static_cast<uint64_t>(outer.steps[k]) != static_cast<uint64_t>(size) * steps[k]) {
        return false;
      }
    }
    return true;
  }

  int rank_ = 0;
  int64_t positions_ = 1;
  Axis axes_[kMaxRank] = {};
  int64_t index_[kMaxRank] = {};
  Steps offset_ = {};
};

}  // namespace wtw
