#include "ops/nn/rnn_layout.h"

#include "core/pyref.h"
#include "python/convert.h"

namespace mp::rnn {
namespace {

cpu::RnnMode read_mode(const std::string& name) {
  const char* const names[] = {"rnn_relu", "rnn_tanh", "lstm", "gru"};
  for (int i = 0; i < 4; ++i)
    if (name == names[i]) return static_cast<cpu::RnnMode>(i);
  kernel_error(PyExc_ValueError, "rnn: mode must be rnn_relu, rnn_tanh, lstm or gru, not '%s'",
               name.c_str());
}

void check_shape(const char* name, const ArrayRef& a, std::initializer_list<int64_t> wanted,
                 const char* axes) {
  bool same = a->ndim == static_cast<int>(wanted.size());
  for (int i = 0; same && i < a->ndim; ++i) same = a->shape[i] == wanted.begin()[i];
  if (same) return;
  PyRef given(shape_tuple(a->shape, a->ndim)),
      required(shape_tuple(wanted.begin(), static_cast<int>(wanted.size())));
  kernel_error(PyExc_ValueError, "rnn: %s must have shape %S, %s, not %S", name, required.get(),
               axes, given.get());
}

std::vector<int64_t> read_lengths(const Layout& s, const ArrayRef& a) {
  check_shape("sequence_length", a, {s.batch}, "(batch,)");
  const ArrayRef whole = check(array_cast(a.get(), DType::I64));
  const auto* values = reinterpret_cast<const int64_t*>(whole->bytes());
  for (int64_t i = 0; i < s.batch; ++i)
    if (values[i] < 0 || values[i] > s.steps)
      kernel_error(PyExc_IndexError,
                   "rnn: sequence_length[%lld] is %lld, which is not between 0 and the %lld steps "
                   "of data",
                   static_cast<long long>(i), static_cast<long long>(values[i]),
                   static_cast<long long>(s.steps));
  return {values, values + s.batch};
}

}  // namespace

Layout read_layout(const Inputs& in, const Attrs& attrs) {
  Layout s{};
  s.mode = read_mode(attrs.get<std::string>("mode"));
  s.hidden = attrs.get<int64_t>("state_size");
  s.layers = attrs.get<int64_t>("num_layers");
  s.directions = attrs.get<bool>("bidirectional") ? 2 : 1;
  const int64_t projection = attrs.get<int64_t>("projection_size");
  if (s.hidden < 1 || s.layers < 1 || projection < 0)
    kernel_error(PyExc_ValueError,
                 "rnn: state_size and num_layers must be positive, projection_size not negative; "
                 "they are %lld, %lld, %lld",
                 static_cast<long long>(s.hidden), static_cast<long long>(s.layers),
                 static_cast<long long>(projection));
  s.projected = projection > 0;
  s.out = s.projected ? projection : s.hidden;
  s.clip = attrs.get<bool>("clip");
  s.clip_nan = attrs.get<bool>("clip_nan");
  s.clip_min = attrs.get<double>("clip_min");
  s.clip_max = attrs.get<double>("clip_max");
  if ((s.projected || s.clip) && !s.lstm())
    kernel_error(PyExc_ValueError, "rnn: only mode lstm has a projection and a clipped cell");
  if (in.data->ndim != 3)
    kernel_error(PyExc_ValueError, "rnn: data must have three axes (time, batch, input), not %d",
                 int{in.data->ndim});
  s.steps = in.data->shape[0], s.batch = in.data->shape[1], s.input = in.data->shape[2];
  if (in.parameters->ndim != 1 || in.parameters->size != s.parameters())
    kernel_error(PyExc_ValueError,
                 "rnn: parameters must be one axis of the %lld numbers that %lld layers of %lld "
                 "units on an input of %lld take, not ndim %d size %lld",
                 static_cast<long long>(s.parameters()), static_cast<long long>(s.layers),
                 static_cast<long long>(s.hidden), static_cast<long long>(s.input),
                 int{in.parameters->ndim}, static_cast<long long>(in.parameters->size));
  const int64_t all = s.layers * s.directions;
  check_shape("state", in.state, {all, s.batch, s.out}, "(layers * directions, batch, state)");
  if (s.lstm() != bool(in.cell))
    kernel_error(PyExc_TypeError, "rnn: state_cell is %s",
                 s.lstm() ? "required for mode lstm" : "for mode lstm only");
  if (in.cell)
    check_shape("state_cell", in.cell, {all, s.batch, s.hidden},
                "(layers * directions, batch, state_size)");
  if (in.mask)
    check_shape("mask", in.mask, {s.layers - 1, s.steps, s.batch, s.out_row()},
                "(layers - 1, time, batch, directions * state)");
  if (in.lengths) s.lengths = read_lengths(s, in.lengths);
  return s;
}

}  // namespace mp::rnn
