// A plan in; the same plan with each of its words changed, and cut behind each, one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "fuzz/mutate.h"

namespace wtw::fuzz {

// Ends of the ranges of 32 and 64 bits, 2^53, and numbers that are not a number; as 64-bit numbers
// are two words, the upper halves of such too. tests/bad_inputs/corpus/plans.py has the same.
inline constexpr uint32_t kWords[] = {0,          1,          0x7FFFFFFF, 0x80000000, 0xFFFFFFFF,
                                      0x00200000, 0x7FF80000, 0x7FC00000, 0x43E00000};

inline std::vector<uint8_t> read(const char* path) {
  std::vector<uint8_t> content;
  std::FILE* const file = std::fopen(path, "rb");
  if (file == nullptr) return content;
  uint8_t part[4096];
  while (const size_t bytes = std::fread(part, 1, sizeof(part), file)) {
    content.insert(content.end(), part, part + bytes);
  }
  std::fclose(file);
  return content;
}

// Calls `use(plan, bytes)` with every change; gives how many there were. Zeros that only fill the
// file up, which lie among the names, are left out.
template <class Use>
size_t each_word(const uint8_t* plan, size_t bytes, const Use& use) {
  std::vector<uint8_t> changed(plan, plan + bytes);
  size_t tried = 0;
  const Extent names = section_of(plan, bytes, 0);
  for (size_t at = 0; at + sizeof(uint32_t) <= bytes; at += sizeof(uint32_t)) {
    uint32_t word;
    std::memcpy(&word, plan + at, sizeof(word));
    if (word == 0 && at - names.offset < names.records) continue;
    const auto put = [&](uint32_t value) {
      std::memcpy(changed.data() + at, &value, sizeof(value));
      use(changed.data(), bytes);
      ++tried;
    };
    for (const uint32_t value : kWords) put(value);
    put(word + 1);
    put(word - 1);
    std::memcpy(changed.data() + at, &word, sizeof(word));
    use(plan, at);
    ++tried;
  }
  return tried;
}

}  // namespace wtw::fuzz
