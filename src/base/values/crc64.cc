#include "base/values/crc64.h"

#include <isa-l/crc64.h>

#include <array>

namespace ossfs2 {
namespace {

// A linear map over GF(2) on 64-bit vectors: row n is the image of bit n.
using Matrix = std::array<uint64_t, 64>;

uint64_t Times(const Matrix& matrix, uint64_t vector) {
  uint64_t sum = 0;
  for (int bit = 0; vector != 0; ++bit, vector >>= 1)
    if (vector & 1) sum ^= matrix[static_cast<size_t>(bit)];
  return sum;
}

Matrix Square(const Matrix& matrix) {
  Matrix out;
  for (size_t n = 0; n < 64; ++n) out[n] = Times(matrix, matrix[n]);
  return out;
}

// powers[k] appends 2^k zero bytes.
std::array<Matrix, 64> MakePowers() {
  constexpr uint64_t kReflectedPolynomial = 0xC96C5795D7870F42ull;
  Matrix one_bit;
  one_bit[0] = kReflectedPolynomial;
  for (size_t n = 1; n < 64; ++n) one_bit[n] = 1ull << (n - 1);
  std::array<Matrix, 64> powers;
  powers[0] = Square(Square(Square(one_bit)));
  for (size_t k = 1; k < 64; ++k) powers[k] = Square(powers[k - 1]);
  return powers;
}

}  // namespace

uint64_t Crc64(uint64_t previous, const void* data, size_t size_bytes) {
  return crc64_ecma_refl(previous, static_cast<const unsigned char*>(data), size_bytes);
}

uint64_t Crc64Combine(uint64_t crc_a, uint64_t crc_b, uint64_t length_b_bytes) {
  static const std::array<Matrix, 64> powers = MakePowers();
  for (size_t k = 0; length_b_bytes != 0; ++k, length_b_bytes >>= 1)
    if (length_b_bytes & 1) crc_a = Times(powers[k], crc_a);
  return crc_a ^ crc_b;
}

}  // namespace ossfs2
