// What sessions share: the plan, the weights, and what was made of them at load.
#pragma once

#include <cstddef>

#include "core/array.h"
#include "core/plan.h"

namespace wtw {

struct Model {
  Plan plan;
  const std::byte* weights = nullptr;
  Array<std::byte*> prepared;  // by buffer; null where the buffer is of another kind
};

// A model whose plan was checked and whose program `prepare` has run; null with `failure` filled
// in. Plan and weights stay the caller's.
Model* new_model(const void* plan, size_t plan_bytes, const std::byte* weights,
                 size_t weights_bytes, Failure* failure);
void free_model(Model* model);

}  // namespace wtw
