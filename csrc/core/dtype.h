// The element types of an array, their sizes and kinds.
// A DType is one byte; every table that is indexed by dtype has kDTypeCount rows in this order,
// which is also the promotion order inside a kind. NumPy dtypes outside this list never become a
// minpy array.
#pragma once
#include <complex>
#include <cstdint>

namespace mp {

enum class DType : uint8_t {
  Bool,
  I8,
  U8,
  I16,
  U16,
  I32,
  U32,
  I64,
  U64,
  F16,
  BF16,
  F32,
  F64,
  C64,
  C128,
  Count,
  Invalid = 0xff
};
inline constexpr int kDTypeCount = static_cast<int>(DType::Count);

struct float16 {
  uint16_t bits;
};  // storage only: kernels compute in float
struct bfloat16 {
  uint16_t bits;
};
using complex64 = std::complex<float>;
using complex128 = std::complex<double>;

inline constexpr int kItemSize[kDTypeCount] = {1, 1, 1, 2, 2, 4, 4, 8, 8, 2, 2, 4, 8, 8, 16};
// 'b' bool, 'i' signed, 'u' unsigned, 'f' real floating, 'c' complex: NumPy's dtype.kind (bfloat16
// is 'f' here).
inline constexpr char kKind[kDTypeCount] = {'b', 'i', 'u', 'i', 'u', 'i', 'u', 'i',
                                            'u', 'f', 'f', 'f', 'f', 'c', 'c'};
// NumPy's dtype.char; bfloat16 has none and uses 'E'.
inline constexpr char kTypeChar[kDTypeCount + 1] = "?bBhHiIlLeEfdFD";
inline constexpr const char* kDTypeName[kDTypeCount] = {
    "bool",   "int8",    "uint8",    "int16",   "uint16",  "int32",     "uint32",    "int64",
    "uint64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128"};

constexpr int index(DType t) { return static_cast<int>(t); }
constexpr int itemsize(DType t) { return kItemSize[index(t)]; }
constexpr char kind(DType t) { return kKind[index(t)]; }
constexpr bool is_integer(DType t) { return kind(t) == 'i' || kind(t) == 'u'; }
constexpr bool is_floating(DType t) { return kind(t) == 'f'; }
constexpr bool is_complex(DType t) { return kind(t) == 'c'; }
constexpr bool is_inexact(DType t) { return is_floating(t) || is_complex(t); }

// The dtype of NumPy's type character, or DType::Invalid ('q'/'Q' and other C aliases are not
// canonical).
constexpr DType dtype_of_char(char c) {
  for (int i = 0; i < kDTypeCount; ++i)
    if (kTypeChar[i] == c) return static_cast<DType>(i);
  return DType::Invalid;
}

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::Bool;
};
template <>
struct DTypeOf<int8_t> {
  static constexpr DType value = DType::I8;
};
template <>
struct DTypeOf<uint8_t> {
  static constexpr DType value = DType::U8;
};
template <>
struct DTypeOf<int16_t> {
  static constexpr DType value = DType::I16;
};
template <>
struct DTypeOf<uint16_t> {
  static constexpr DType value = DType::U16;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = DType::I32;
};
template <>
struct DTypeOf<uint32_t> {
  static constexpr DType value = DType::U32;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DType value = DType::I64;
};
template <>
struct DTypeOf<uint64_t> {
  static constexpr DType value = DType::U64;
};
template <>
struct DTypeOf<float16> {
  static constexpr DType value = DType::F16;
};
template <>
struct DTypeOf<bfloat16> {
  static constexpr DType value = DType::BF16;
};
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::F32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::F64;
};
template <>
struct DTypeOf<complex64> {
  static constexpr DType value = DType::C64;
};
template <>
struct DTypeOf<complex128> {
  static constexpr DType value = DType::C128;
};

}  // namespace mp
