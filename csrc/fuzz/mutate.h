// libFuzzer's mutator for plans: an input (sizes, then a plan) in, the same with one field changed.
//
// Bytes changed at random die in the header. Here the header stays, and a field of one record gets
// a neighbouring, a borrowed or an extreme value.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace wtw::fuzz {

inline constexpr uint32_t kSections = 12;
inline constexpr uint32_t kCode = 3;
inline constexpr size_t kHeaderBytes = 24 + 16 * kSections;
// Of strings .. io, as in docs/format.md.
inline constexpr size_t kRecordBytes[kSections] = {1, 8, 24, 8, 16, 24, 32, 4, 16, 32, 48, 16};

class Random {
 public:
  explicit Random(uint32_t seed) : state_(seed * 2654435761u + 1) {}
  // In [0, n).
  size_t below(size_t n) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<size_t>(state_ >> 33) % n;
  }

 private:
  uint64_t state_;
};

struct Extent {
  size_t offset = 0, records = 0;
};

// Where a section lies, empty where the header lies.
inline Extent section_of(const uint8_t* plan, size_t bytes, uint32_t section) {
  uint64_t entry[2];
  std::memcpy(entry, plan + 24 + 16 * section, sizeof(entry));
  const size_t record = kRecordBytes[section];
  if (entry[0] > bytes || entry[1] > (bytes - entry[0]) / record) return {};
  return {static_cast<size_t>(entry[0]), static_cast<size_t>(entry[1])};
}

template <class T>
T changed(T value, Random& random) {
  constexpr int64_t extremes[] = {0,         1,         2,         3,
                                  7,         8,         9,         63,
                                  64,        65,        -1,        -2,
                                  255,       256,       4096,      65536,
                                  1ll << 20, 1ll << 31, 1ll << 32, (1ll << 40) - 1,
                                  -65536,    INT64_MAX, INT64_MIN, INT64_MAX / 8,
                                  1ll << 53};
  switch (random.below(4)) {
    case 0:
      return static_cast<T>(value + static_cast<T>(random.below(9)) - 4);
    case 1:
      return static_cast<T>(random.below(40));
    case 2:
      return static_cast<T>(extremes[random.below(std::size(extremes))]);
    default:
      return static_cast<T>(value ^ (T{1} << random.below(8 * sizeof(T))));
  }
}

template <class T>
void change_at(uint8_t* at, Random& random) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  value = changed(value, random);
  std::memcpy(at, &value, sizeof(T));
}

// Changes one field of one record, or copies it from another record of the section.
inline void change_record(uint8_t* plan, size_t bytes, Random& random) {
  const auto section = static_cast<uint32_t>(random.below(kSections));
  const Extent extent = section_of(plan, bytes, section);
  if (extent.records == 0) return;
  const size_t record = kRecordBytes[section];
  uint8_t* const first = plan + extent.offset;
  uint8_t* const one = first + record * random.below(extent.records);
  const uint8_t* const other = first + record * random.below(extent.records);
  if (record < sizeof(uint32_t) || random.below(12) == 0) {
    change_at<uint8_t>(one + random.below(record), random);
  } else if (section == kCode && random.below(2) == 0) {
    change_at<uint64_t>(one, random);  // a constant, more often than not
  } else {
    const size_t field = sizeof(uint32_t) * random.below(record / sizeof(uint32_t));
    if (random.below(3) == 0) {
      std::memcpy(one + field, other + field, sizeof(uint32_t));
    } else {
      change_at<uint32_t>(one + field, random);
    }
  }
}

// `sizes` bytes that the target reads sizes from come before the plan.
inline size_t mutate(uint8_t* data, size_t size, size_t max_size, uint32_t seed, size_t sizes) {
  Random random(seed);
  if (size < sizes + kHeaderBytes || random.below(64) == 0) {
    return LLVMFuzzerMutate(data, size, max_size);
  }
  if (random.below(5) == 0) {
    data[random.below(sizes)] = static_cast<uint8_t>(random.below(random.below(8) == 0 ? 256 : 20));
    return size;
  }
  for (size_t changes = 1 + random.below(3); changes > 0; --changes) {
    change_record(data + sizes, size - sizes, random);
  }
  return size;
}

}  // namespace wtw::fuzz
