#include "cpu/conv/depthwise.h"
#include "cpu/conv/kernels.h"
#include "cpu/conv/winograd.h"

namespace mp::cpu::conv {

template <>
const Loops<float>& wide_loops() {
  static const Loops<float>& loops = MP_BEST_ISA(conv_wide32);
  return loops;
}
template <>
const Loops<double>& wide_loops() {
  static const Loops<double>& loops = MP_BEST_ISA(conv_wide64);
  return loops;
}
template <>
const Loops<float>& narrow_loops() {
  static const Loops<float>& loops = MP_BEST_ISA(conv_narrow32);
  return loops;
}
template <>
const Loops<double>& narrow_loops() {
  static const Loops<double>& loops = MP_BEST_ISA(conv_narrow64);
  return loops;
}
template <>
const Rows<float>& rows() {
  static const Rows<float>& loops = MP_BEST_ISA(conv_rows32);
  return loops;
}
template <>
const Rows<double>& rows() {
  static const Rows<double>& loops = MP_BEST_ISA(conv_rows64);
  return loops;
}

template <>
const Depthwise<float>& depthwise_loops() {
  static const Depthwise<float>& loops = MP_BEST_ISA(conv_depthwise32);
  return loops;
}
template <>
const Depthwise<double>& depthwise_loops() {
  static const Depthwise<double>& loops = MP_BEST_ISA(conv_depthwise64);
  return loops;
}

template <>
const Winograd<float>& winograd_loops() {
  static const Winograd<float>& loops = MP_BEST_ISA(conv_winograd32);
  return loops;
}
template <>
const Winograd<double>& winograd_loops() {
  static const Winograd<double>& loops = MP_BEST_ISA(conv_winograd64);
  return loops;
}

}  // namespace mp::cpu::conv
