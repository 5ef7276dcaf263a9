// The bytes of plan.bin in, where each section lies out.
#include <cstring>

#include "core/plan_checker.h"

namespace wtw {
namespace {

constexpr uint32_t kSections = 12;

struct Header {
  char magic[8];
  uint32_t abi, sections;
  uint64_t bytes;
  struct {
    uint64_t offset, count;
  } section[kSections];
};

constexpr uint64_t padded(uint64_t bytes) { return (bytes + 7) & ~uint64_t{7}; }

// Whether `count` records lie at `start`, inside the file.
bool lies_at(uint64_t start, uint64_t size, uint64_t offset, uint64_t count, size_t record) {
  return offset == start && offset <= size && count <= (size - offset) / record;
}

// The section that begins where the one before it ended, at `end`, which moves on.
template <class T>
bool take(const std::byte* bytes, uint64_t size, uint64_t offset, uint64_t count, uint64_t* end,
          Section<T>* section) {
  if (!lies_at(padded(*end), size, offset, count, sizeof(T))) return false;
  section->data = reinterpret_cast<const T*>(bytes + offset);
  section->count = static_cast<uint32_t>(count);
  *end = offset + count * sizeof(T);
  return true;
}

}  // namespace

Code check_header(const Checker& checker, const std::byte* bytes, size_t size) {
  WTW_REQUIRE(checker, size >= sizeof(Header) && size <= kMaxPlanBytes, size);
  Header header;
  std::memcpy(&header, bytes, sizeof(header));
  WTW_REQUIRE(checker, std::memcmp(header.magic, "WTWPLAN", 8) == 0, 0);
  if (header.abi != kAbi) return checker.fail(Code::abi_mismatch, __LINE__, header.abi);
  WTW_REQUIRE(checker, header.sections == kSections, header.sections);
  WTW_REQUIRE(checker, header.bytes == size, header.bytes);
  uint64_t end = sizeof(Header);
  int at = 0;
  auto next = [&](auto* section) {
    const auto& entry = header.section[at++];
    return take(bytes, size, entry.offset, entry.count, &end, section);
  };
  Plan& p = checker.plan;
  WTW_REQUIRE(checker,
              next(&p.strings) && next(&p.ops) && next(&p.symbols) && next(&p.code) &&
                  next(&p.exprs) && next(&p.buffers) && next(&p.values) && next(&p.refs) &&
                  next(&p.attrs) && next(&p.nodes) && next(&p.programs) && next(&p.io),
              at);
  WTW_REQUIRE(checker, padded(end) == size, end);
  return Code::ok;
}

}  // namespace wtw
