// The operator table as the core needs it: what each kernel takes, generated from Python's rows.
#pragma once

#include <cstdint>

#include "core/kernel.h"

namespace wtw {

// Bits of OperandSpec::layouts, as in ops/table.py.
enum LayoutBit : uint32_t {
  kStrided = 1,
  kRows = 2,
  kDenseAny = 4,
  kDense = 8,
  kChannelsLast = 16,
  kPanel8 = 32,
};

// Bits of OperandSpec::flags, as in wasm_torch_web/codegen.py.
enum OperandFlag : uint8_t {
  kOptional = 1,
  kVariadic = 2,  // the last input: it repeats
};

struct OperandSpec {
  uint16_t dtypes;  // a bit for each DType
  uint8_t layouts;  // LayoutBit
  uint8_t flags;    // OperandFlag
};

enum class AttrKind : uint8_t { integer, real, flag, dtype, choice, integers, reals };

struct AttrSpec {
  AttrKind kind;
  uint8_t choices;  // of an enumeration
};

struct OpSpec {
  const char* name;
  const OperandSpec* inputs;
  const OperandSpec* outputs;
  const AttrSpec* attrs;
  uint8_t n_in, n_out, n_attr;
  int8_t inplace;  // the input whose memory output 0 may take, or -1
  const Kernel* kernel;

  bool is_variadic() const { return n_in > 0 && (inputs[n_in - 1].flags & kVariadic) != 0; }
  const OperandSpec& input(uint32_t i) const { return inputs[i < n_in ? i : n_in - 1]; }
};

// The operator of that name, or null.
const OpSpec* find_op(const char* name, uint32_t length);

// The layout classes that a tensor belongs to.
uint32_t layout_bits(const Tensor& tensor);

}  // namespace wtw
