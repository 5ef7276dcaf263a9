// plan.bin: its records as they lie in the file, and the checked view of them (docs/format.md).
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/array.h"
#include "core/dispatch.h"
#include "core/expr.h"
#include "core/kernel.h"

namespace wtw {

inline constexpr uint32_t kAbi = 5;
inline constexpr uint32_t kAbsent = 0xFFFFFFFFu;
inline constexpr size_t kMaxPlanBytes = size_t{1} << 30;  // so that counts fit 32 bits
inline constexpr uint32_t kMaxNodes = 1u << 16;
inline constexpr uint32_t kMaxLoops = 1024;
inline constexpr uint32_t kMaxDepth = 32;           // of regions of control nodes
inline constexpr uint32_t kMaxOperands = 1u << 24;  // of all nodes; numbers of attributes, too

struct OpRecord {
  uint32_t name, length;
};
struct SymbolRecord {
  int64_t min, max;     // of an int
  uint32_t definition;  // expression over the inputs; kAbsent where a node decides
  uint32_t program, node,
      output;  // whose 0-d contents it is; kAbsent and 0 where the inputs decide
  uint32_t is_float, zero;

  bool is_decided() const { return definition == kAbsent; }
};
struct ExprRecord {
  uint32_t first, count, is_float, zero;
};
enum class BufferKind : uint32_t { weight, arena, state, prepared };
struct BufferRecord {
  BufferKind kind;
  uint32_t owner;   // program of an arena buffer; initial weight buffer + 1 of a state, or 0
  uint64_t offset;  // of a weight, in the weight segment
  uint64_t bytes;   // of a weight or prepared buffer; else the expression of the bytes
};
struct ValueRecord {
  uint32_t buffer;
  uint8_t dtype, layout, rank, zero;
  uint32_t groups;
  uint32_t refs;    // rank sizes, then rank strides
  uint32_t offset;  // expression, in elements
  uint32_t zeros[3];

  bool is_packed() const { return layout == static_cast<uint8_t>(Layout::panel8); }
};
struct AttrRecord {
  uint32_t kind, count, refs, zero;
};
// What a node is that is no operator: regions of the program, nested, and which of them run.
// Of choose .. otherwise .. end one part runs; repeat .. test .. end goes round while the test
// holds. `choose` and `test` read a 0-d bool.
enum class Control : uint32_t { none, choose, otherwise, repeat, test, end };
struct NodeRecord {
  uint32_t op;  // kAbsent of a control node
  uint32_t inputs, outputs, attrs, refs, first_attr;
  Control control;
  uint32_t zero;
};
struct ProgramRecord {
  uint32_t name, length, first_node, nodes, inputs, outputs, first_io, first_guard, guards,
      zeros[3];
};
enum class IoKind : uint32_t { tensor, integer, real, boolean };
struct IoRecord {
  IoKind kind;
  uint32_t ref, zeros[2];
};
static_assert(sizeof(SymbolRecord) == 40 && sizeof(BufferRecord) == 24 &&
              sizeof(ValueRecord) == 32 && sizeof(NodeRecord) == 32 &&
              sizeof(ProgramRecord) == 48 && sizeof(IoRecord) == 16);

template <class T>
struct Section {
  const T* data = nullptr;
  uint32_t count = 0;

  const T& operator[](uint32_t i) const { return data[i]; }
  const T* begin() const { return data; }
  const T* end() const { return data + count; }
  // Whether [first, first + n) lies inside.
  bool holds(uint32_t first, uint32_t n) const { return first <= count && n <= count - first; }
};

// A validated plan. Everything here was checked by parse(): indices may be followed blindly.
struct Plan {
  Section<char> strings;
  Section<OpRecord> ops;
  Section<SymbolRecord> symbols;
  Section<Instruction> code;
  Section<ExprRecord> exprs;
  Section<BufferRecord> buffers;
  Section<ValueRecord> values;
  Section<uint32_t> refs;
  Section<AttrRecord> attrs;
  Section<NodeRecord> nodes;
  Section<ProgramRecord> programs;
  Section<IoRecord> io;

  Array<const OpSpec*> op_specs;  // by index in ops
  size_t weights_bytes = 0;
  uint32_t prepare = kAbsent;  // the program that fills the prepared buffers, once at load

  // Of the symbols, then the expressions, the values' places, the nodes' operands and attributes:
  // when they are known. Empty in a plan without decided symbols.
  struct Known {
    int32_t after = -1;        // that node has run; -1: a run is bound
    uint32_t next = kAbsent;   // what else is known then, in ascending order
    uint32_t first = kAbsent;  // of a node that decides: the first of what is known after it
  };
  Array<Known> known;

  // Of a node in a plan with control nodes: where a control node goes on when it does not go to the
  // next, and the node before which what a node does is sure to have been done.
  struct Flow {
    uint32_t jump = 0, until = kAbsent;
  };
  Array<Flow> flow;  // empty without control nodes

  // Whether the node is the end of a loop, which begins where it jumps to.
  bool ends_loop(uint32_t node) const {
    return nodes[node].control == Control::end && flow[node].jump < node;
  }

  // Whether node a has run whenever node b runs.
  bool comes_before(uint32_t a, uint32_t b) const {
    return a < b && (flow.size() == 0 || b < flow[a].until);
  }

  // Where in `known` the expressions, values and nodes begin.
  uint32_t exprs_at() const { return symbols.count; }
  uint32_t values_at() const { return exprs_at() + exprs.count; }
  uint32_t nodes_at() const { return values_at() + values.count; }

  bool is_decided() const { return known.size() != 0; }
  int32_t after(uint32_t at) const { return is_decided() ? known[at].after : -1; }
  int32_t after_expr(uint32_t i) const { return after(exprs_at() + i); }
  int32_t after_value(uint32_t i) const { return after(values_at() + i); }
  int32_t after_node(uint32_t i) const { return after(nodes_at() + i); }
  bool decides(uint32_t node) const {
    return is_decided() && known[nodes_at() + node].first != kAbsent;
  }

  const OpSpec& spec(const NodeRecord& node) const { return *op_specs[node.op]; }
  // The value of input or output i of a node; inputs may be kAbsent.
  uint32_t input(const NodeRecord& node, uint32_t i) const { return refs[node.refs + i]; }
  uint32_t output(const NodeRecord& node, uint32_t i) const {
    return refs[node.refs + node.inputs + i];
  }
};

// Checks everything that does not depend on concrete sizes. On failure `failure` names the source
// line of the check in `line`, the node where there is one, and the record in `given`.
Code parse(const void* bytes, size_t size, size_t weights_bytes, Plan* plan, Failure* failure);

}  // namespace wtw
