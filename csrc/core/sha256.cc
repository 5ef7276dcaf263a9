// SHA-256 (FIPS 180-4) of one block of memory.
#include <algorithm>
#include <bit>
#include <cstring>

#include "api.h"

namespace {

constexpr size_t kBlock = 64;

constexpr uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

struct State {
  uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                   0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
};

uint32_t small_sigma(uint32_t x, int a, int b, int shift) {
  return std::rotr(x, a) ^ std::rotr(x, b) ^ (x >> shift);
}

uint32_t big_sigma(uint32_t x, int a, int b, int c) {
  return std::rotr(x, a) ^ std::rotr(x, b) ^ std::rotr(x, c);
}

void schedule(const uint8_t* block, uint32_t (&w)[64]) {
  for (int i = 0; i < 16; ++i, block += 4) {
    w[i] = uint32_t{block[0]} << 24 | uint32_t{block[1]} << 16 | uint32_t{block[2]} << 8 | block[3];
  }
  for (int i = 16; i < 64; ++i) {
    w[i] =
        w[i - 16] + small_sigma(w[i - 15], 7, 18, 3) + w[i - 7] + small_sigma(w[i - 2], 17, 19, 10);
  }
}

void compress(State& state, const uint8_t* block) {
  uint32_t w[64];
  schedule(block, w);
  auto [a, b, c, d, e, f, g, h] = state.h;
  for (int i = 0; i < 64; ++i) {
    const uint32_t t1 = h + big_sigma(e, 6, 11, 25) + ((e & f) ^ (~e & g)) + kRound[i] + w[i];
    const uint32_t t2 = big_sigma(a, 2, 13, 22) + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + t1;
    d = c, c = b, b = a, a = t1 + t2;
  }
  const uint32_t mixed[8] = {a, b, c, d, e, f, g, h};
  for (int i = 0; i < 8; ++i) state.h[i] += mixed[i];
}

void store_big_endian(uint64_t value, int bytes, uint8_t* out) {
  for (int i = 0; i < bytes; ++i) out[i] = static_cast<uint8_t>(value >> (8 * (bytes - 1 - i)));
}

// The last bytes, a one bit, zeros, and the length in bits: one block or two.
void finish(State& state, const uint8_t* tail, size_t rest, uint64_t total) {
  uint8_t padded[2 * kBlock] = {};
  std::copy_n(tail, rest, padded);
  padded[rest] = 0x80;
  const size_t length = rest + 9 <= kBlock ? kBlock : 2 * kBlock;
  store_big_endian(total * 8, 8, padded + length - 8);
  for (size_t i = 0; i < length; i += kBlock) compress(state, padded + i);
}

}  // namespace

WTW_EXPORT(wtw_sha256) void wtw_sha256(const void* data, size_t bytes, uint8_t* out) {
  const auto* input = static_cast<const uint8_t*>(data);
  State state;
  const size_t whole = bytes / kBlock * kBlock;
  for (size_t i = 0; i < whole; i += kBlock) compress(state, input + i);
  finish(state, input + whole, bytes - whole, bytes);
  for (int i = 0; i < 8; ++i) store_big_endian(state.h[i], 4, out + 4 * i);
}
