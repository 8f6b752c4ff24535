// Recurrent layers fused over time, layers and directions. What a layer's input contributes to the
// gates is one product over all steps, and so is each gradient of a weight; the sweep over time is
// backend/cpu/nn/rnn.h. Memory beyond the outputs, in numbers, with rows = steps * batch:
// - forward: nothing but packed recurrent weights when recording, since the reserve is the work
//   space; else two layers of it in turns. Copies of the input of a layer that is masked or padded.
// - backward: the gates' gradients of one layer (rows * directions * gates), two gradients of a
//   layer's input, packed weights, and with a projection rows * out for each direction.
#include <cstring>

#include "ops/blas.h"
#include "ops/nn/rnn_layout.h"
#include "tape/tape.h"

namespace mp {
namespace {

using rnn::Layout;

template <class T>
inline constexpr DType kType = sizeof(T) == 4 ? DType::F32 : DType::F64;

template <class T>
T* numbers(const ArrayRef& a) {
  return a ? reinterpret_cast<T*>(a->bytes()) : nullptr;
}

template <class T>
class Scratch {
 public:
  T* take(int64_t size) {
    arrays_.push_back(check(array_new(kType<T>, 1, &size)));
    return numbers<T>(arrays_.back());
  }

 private:
  std::vector<ArrayRef> arrays_;
};

template <class T>
struct Factor {
  const T* data;
  int64_t row, col;  // steps in numbers
};

// c (m, n) = a (m, k) b (k, n), the rows of c c_row apart.
template <class T>
void product(int64_t m, int64_t n, int64_t k, Factor<T> a, Factor<T> b, T* c, int64_t c_row) {
  if (m == 0 || n == 0) return;
  if (k == 0) {
    for (int64_t i = 0; i < m; ++i)
      std::memset(c + i * c_row, 0, static_cast<size_t>(n) * sizeof(T));
    return;
  }
  constexpr int64_t item = sizeof(T);
  auto bytes = [](const T* p) { return reinterpret_cast<char*>(const_cast<T*>(p)); };
  const blas::Operands one{bytes(a.data), bytes(b.data), bytes(c)};
  if (!blas::gemm(kType<T>, m, n, k, {a.row * item, a.col * item}, {b.row * item, b.col * item},
                  {c_row * item, item}, {&one, 1}))
    throw PythonError{};
}

// What forward and backward share: the operands, and the input of each layer.
template <class T>
class Network {
 protected:
  Network(const Layout& s, const ArrayRef& data, const ArrayRef& parameters, const ArrayRef& mask)
      : s(s),
        data_(numbers<T>(data)),
        parameters_(numbers<T>(parameters)),
        mask_(numbers<T>(mask)) {}

  // (rows, input) of a layer; `below` is the reserve of the layer before.
  const T* input_of(int64_t layer, const T* below) {
    const int64_t width = s.input_of(layer);
    const T* from = layer ? below + s.states_at() + s.batch * s.out_row() : data_;
    const T* mask = layer ? mask_of(layer) : nullptr;
    if (!mask && s.lengths.empty()) return from;
    if (!copied_) copied_ = scratch.take(s.rows() * std::max(s.input, s.out_row()));
    ReleaseGil scope(s.rows() * width);
    cpu::rnn_copy_rows<T>(s.shape(0), width, from, width, mask, copied_);
    return copied_;
  }
  const T* mask_of(int64_t layer) const {  // on the input of a layer but the first
    return mask_ ? mask_ + (layer - 1) * s.rows() * s.out_row() : nullptr;
  }
  const T* weight(int64_t offset) const { return parameters_ + offset; }

  // A matrix of the parameters for the inner products of the sweep, packed.
  const T* packed(int64_t offset, cpu::RnnMatrix<T> m, T*& buffer) {
    if (!buffer) buffer = scratch.take(cpu::rnn_packed_size(kType<T>, m.k, m.n));
    m.data = weight(offset);
    cpu::rnn_pack(m, buffer);
    return buffer;
  }

  const Layout& s;
  Scratch<T> scratch;
  T *packed_recurrent[2] = {}, *packed_projection[2] = {};

 private:
  const T *data_, *parameters_, *mask_;
  T* copied_ = nullptr;
};

template <class T>
class Forward : Network<T> {
  using Network<T>::s, Network<T>::scratch;

 public:
  Forward(const Layout& s, const ArrayRef& data, const ArrayRef& parameters, const ArrayRef& state,
          const ArrayRef& cell, const ArrayRef& mask)
      : Network<T>(s, data, parameters, mask), state_(numbers<T>(state)), cell_(numbers<T>(cell)) {
    bias_ = scratch.take(2 * s.gate_row());
  }

  // A null reserve: nothing is kept.
  void run(T* out, T* last, T* last_cell, T* reserve) {
    T* turns[2] = {};
    const T* below = nullptr;
    for (int64_t layer = 0; layer < s.layers; ++layer) {
      T*& turn = turns[layer % 2];
      if (!reserve && !turn) turn = scratch.take(s.reserve_of_layer());
      T* memory = reserve ? reserve + layer * s.reserve_of_layer() : turn;
      run_layer(layer, this->input_of(layer, below), memory);
      for (int64_t d = 0; d < s.directions; ++d) save_last(layer, d, memory, last, last_cell);
      below = memory;
    }
    ReleaseGil scope(s.rows() * s.out_row());
    cpu::rnn_copy_rows<T>(s.shape(0), s.out_row(), below + s.states_at() + s.batch * s.out_row(),
                          s.out_row(), nullptr, out);
  }

 private:
  void run_layer(int64_t layer, const T* x, T* memory) {
    const int64_t width = s.input_of(layer);
    std::vector<cpu::RnnForwardSweep<T>> sweeps;
    for (int64_t d = 0; d < s.directions; ++d) {
      T* gates = memory + s.gates_at(d);
      product<T>(s.rows(), s.fed(), width, {x, width, 1},
                 {this->weight(s.input_weight(layer, d)), 1, width},
                 gates + s.gates().input_first * s.hidden, s.gate_row());
      give_states(layer, d, memory);
      sweeps.push_back({s.shape(d), operands(layer, d, memory)});
    }
    ReleaseGil scope(s.rows() * s.fed());
    cpu::rnn_forward<T>(sweeps);
  }

  cpu::RnnForward<T> operands(int64_t layer, int64_t d, T* memory) {
    const T* recurrent =
        this->packed(s.hidden_weight(layer, d),
                     {nullptr, s.out, s.fed(), 1, s.out, 0, s.gates().rotated * s.hidden},
                     this->packed_recurrent[d]);
    const T* projection = s.projected ? this->packed(s.projection_weight(layer, d),
                                                     {nullptr, s.hidden, s.out, 1, s.hidden},
                                                     this->packed_projection[d])
                                      : nullptr;
    return {gather_bias(layer, d),
            recurrent,
            projection,
            memory + s.gates_at(d),
            s.lstm() ? memory + s.cells_at(d) : nullptr,
            s.projected ? memory + s.raw_at(d) : nullptr,
            memory + s.first_state(d)};
  }

  const T* gather_bias(int64_t layer, int64_t d) {
    const cpu::RnnGates& g = s.gates();
    T* to = bias_ + d * s.gate_row();
    std::memset(to, 0, static_cast<size_t>(s.gate_row()) * sizeof(T));
    const T *input = this->weight(s.input_bias(layer, d)),
            *hidden = this->weight(s.hidden_bias(layer, d));
    for (int64_t j = 0; j < s.fed(); ++j) {
      to[g.input_first * s.hidden + j] += input[j];
      to[j] += hidden[(j + g.rotated * s.hidden) % s.fed()];
    }
    return to;
  }

  void give_states(int64_t layer, int64_t d, T* memory) {
    const int64_t place = layer * s.directions + d;
    for (int64_t n = 0; n < s.batch; ++n)
      std::memcpy(memory + s.given_state(d) + n * s.out_row(),
                  state_ + (place * s.batch + n) * s.out, static_cast<size_t>(s.out) * sizeof(T));
    const int64_t cells = s.batch * s.hidden;
    if (s.lstm())
      std::memcpy(memory + s.cells_at(d), cell_ + place * cells,
                  static_cast<size_t>(cells) * sizeof(T));
  }

  void save_last(int64_t layer, int64_t d, const T* memory, T* last, T* last_cell) const {
    const int64_t place = layer * s.directions + d;
    for (int64_t n = 0; n < s.batch; ++n)
      std::memcpy(last + (place * s.batch + n) * s.out, memory + s.last_state(d) + n * s.out_row(),
                  static_cast<size_t>(s.out) * sizeof(T));
    const int64_t cells = s.batch * s.hidden;
    if (s.lstm())
      std::memcpy(last_cell + place * cells, memory + s.cells_at(d) + s.steps * cells,
                  static_cast<size_t>(cells) * sizeof(T));
  }

  const T *state_, *cell_;
  T* bias_;
};

template <class T>
struct Gradients {
  T* data;                       // null where it is not wanted
  T *parameters, *state, *cell;  // the latter two: in, of the last states
};

template <class T>
class Backward : Network<T> {
  using Network<T>::s, Network<T>::scratch;

 public:
  Backward(const Layout& s, const ArrayRef& data, const ArrayRef& parameters, const ArrayRef& mask,
           const T* reserve, const Gradients<T>& to)
      : Network<T>(s, data, parameters, mask), reserve_(reserve), to_(to) {
    for (int64_t d = 0; d < s.directions; ++d) {
      dgates_[d] = scratch.take(s.rows() * s.gate_row());
      if (!s.projected) continue;
      dprojected_[d] = scratch.take(s.rows() * s.out);
      draw_[d] = scratch.take(s.batch * s.hidden);
    }
    sums_ = scratch.take(s.gate_row());
    if (s.layers > 1) between_ = scratch.take(s.rows() * s.out_row());
    if (s.directions > 1)
      second_ = scratch.take(s.rows() * std::max(s.out_row(), to.data ? s.input : 0));
  }

  void run(const T* dout) {
    for (int64_t layer = s.layers - 1; layer >= 0; --layer) {
      const T* memory = reserve_ + layer * s.reserve_of_layer();
      sweep(layer, memory, dout);
      const T* x = this->input_of(layer, layer ? memory - s.reserve_of_layer() : nullptr);
      for (int64_t d = 0; d < s.directions; ++d) weight_gradients(layer, d, x, memory);
      T* dx = layer ? between_ : to_.data;
      if (!dx) continue;
      input_gradient(layer, dx);
      dout = dx;
    }
  }

 private:
  void sweep(int64_t layer, const T* memory, const T* dout) {
    std::vector<cpu::RnnBackwardSweep<T>> sweeps;
    for (int64_t d = 0; d < s.directions; ++d) {
      const int64_t place = layer * s.directions + d;
      const T* recurrent =
          this->packed(s.hidden_weight(layer, d),
                       {nullptr, s.fed(), s.out, s.out, 1, s.gates().rotated * s.hidden, 0},
                       this->packed_recurrent[d]);
      const T* projection = s.projected ? this->packed(s.projection_weight(layer, d),
                                                       {nullptr, s.out, s.hidden, s.hidden, 1},
                                                       this->packed_projection[d])
                                        : nullptr;
      sweeps.push_back({s.shape(d),
                        {recurrent, projection, memory + s.gates_at(d), memory + s.cells_at(d),
                         memory + s.first_state(d), dout ? dout + d * s.out : nullptr, dgates_[d],
                         dprojected_[d], draw_[d], to_.state + place * s.batch * s.out,
                         s.lstm() ? to_.cell + place * s.batch * s.hidden : nullptr}});
    }
    ReleaseGil scope(s.rows() * s.fed());
    cpu::rnn_backward<T>(sweeps);
  }

  void weight_gradients(int64_t layer, int64_t d, const T* x, const T* memory) {
    const cpu::RnnGates& g = s.gates();
    const int64_t width = s.input_of(layer), row = s.gate_row();
    product<T>(s.fed(), width, s.rows(), {dgates_[d] + g.input_first * s.hidden, 1, row},
               {x, width, 1}, to_.parameters + s.input_weight(layer, d), width);
    // The hidden state's blocks from 0 on are those of the parameters from `rotated` on, and round.
    T* to = to_.parameters + s.hidden_weight(layer, d);
    const Factor<T> states{memory + s.state_before(d), s.out_row(), 1};
    const int64_t turned = g.rotated * s.hidden, straight = s.fed() - turned;
    product<T>(straight, s.out, s.rows(), {dgates_[d], 1, row}, states, to + turned * s.out, s.out);
    product<T>(turned, s.out, s.rows(), {dgates_[d] + straight, 1, row}, states, to, s.out);
    if (s.projected)
      product<T>(s.out, s.hidden, s.rows(), {dprojected_[d], 1, s.out},
                 {memory + s.raw_at(d), s.hidden, 1},
                 to_.parameters + s.projection_weight(layer, d), s.hidden);
    cpu::rnn_column_sums<T>(dgates_[d], s.rows(), row, sums_);
    for (int64_t j = 0; j < s.fed(); ++j) {
      to_.parameters[s.input_bias(layer, d) + j] = sums_[g.input_first * s.hidden + j];
      to_.parameters[s.hidden_bias(layer, d) + (j + turned) % s.fed()] = sums_[j];
    }
  }

  void input_gradient(int64_t layer, T* dx) {
    const int64_t width = s.input_of(layer), size = s.rows() * width;
    for (int64_t d = 0; d < s.directions; ++d)
      product<T>(s.rows(), width, s.fed(),
                 {dgates_[d] + s.gates().input_first * s.hidden, s.gate_row(), 1},
                 {this->weight(s.input_weight(layer, d)), width, 1}, d ? second_ : dx, width);
    if (s.directions > 1)
      for (int64_t i = 0; i < size; ++i) dx[i] += second_[i];
    if (layer && this->mask_of(layer))
      cpu::rnn_copy_rows<T>(s.shape(0), width, dx, width, this->mask_of(layer), dx);
  }

  const T* reserve_;
  Gradients<T> to_;
  T *dgates_[2] = {}, *dprojected_[2] = {}, *draw_[2] = {};
  T *sums_, *between_ = nullptr, *second_ = nullptr;
};

// --- The rows ---

ArrayRef dense_as(const ArrayRef& a, DType dtype) {
  if (!a) return {};
  if (a->dtype != dtype) return check(array_cast(a.get(), dtype));
  return a->c_contiguous() ? a : check(array_copy(a.get(), 'C'));
}

template <class T>
void forward_typed(KernelCall& call, const Layout& s) {
  ArrayRef in[6];
  for (int i = 0; i < 6; ++i)
    if (call.has(i) && i != 4) in[i] = dense_as(call.in(i), kType<T>);
  const int64_t all = s.layers * s.directions;
  Array* out = call.make(kType<T>, {s.steps, s.batch, s.out_row()});
  Array* last = call.make(kType<T>, {all, s.batch, s.out});
  Array* last_cell = call.make(kType<T>, {s.lstm() ? all : 0, s.batch, s.hidden});
  const bool keep = tape::state.recording;
  Array* reserve = call.make(kType<T>, {keep ? s.layers * s.reserve_of_layer() : 0});
  Forward<T>(s, in[0], in[1], in[2], in[3], in[5])
      .run(reinterpret_cast<T*>(out->bytes()), reinterpret_cast<T*>(last->bytes()),
           reinterpret_cast<T*>(last_cell->bytes()),
           keep ? reinterpret_cast<T*>(reserve->bytes()) : nullptr);
}

void rnn_forward(KernelCall& call) {
  auto input = [&](int i) -> const ArrayRef& {
    static const ArrayRef none;
    return call.has(i) ? call.in(i) : none;
  };
  const Layout s =
      rnn::read_layout({input(0), input(1), input(2), input(3), input(4), input(5)}, call.attrs);
  const DType dtype = call.in(0)->dtype;
  if (dtype == DType::F64) return forward_typed<double>(call, s);
  forward_typed<float>(call, s);
  if (dtype == DType::F32) return;
  for (size_t i = 0; i < 3; ++i)  // the reserve stays in float32
    call.outputs[i] = check(array_cast(call.outputs[i].get(), dtype));
}

enum GradInput {
  kDOut,
  kDState,
  kDCell,
  kData,
  kParameters,
  kState,
  kCell,
  kLengths,
  kMask,
  kKept
};

// The gradient of a last state, or zeros, as a fresh output that becomes that of the first one.
template <class T>
T* make_running(KernelCall& call, int from, std::initializer_list<int64_t> shape) {
  Array* a = call.make(kType<T>, shape);
  T* to = reinterpret_cast<T*>(a->bytes());
  const ArrayRef given = call.has(from) ? dense_as(call.in(from), kType<T>) : ArrayRef();
  if (given)
    std::memcpy(to, given->bytes(), static_cast<size_t>(a->nbytes()));
  else
    std::memset(to, 0, static_cast<size_t>(a->nbytes()));
  return to;
}

template <class T>
void grad_typed(KernelCall& call, const Layout& s) {
  auto input = [&](int i) { return call.has(i) ? dense_as(call.in(i), kType<T>) : ArrayRef(); };
  const ArrayRef dout = input(kDOut), data = input(kData), parameters = input(kParameters),
                 mask = input(kMask), kept = input(kKept);
  const bool wanted = call.attrs.get<bool>("data_grad");
  const int64_t all = s.layers * s.directions;
  Array* ddata = call.make(kType<T>, {wanted ? s.steps : 0, s.batch, s.input});
  Array* dparameters = call.make(kType<T>, {s.parameters()});
  T* dstate = make_running<T>(call, kDState, {all, s.batch, s.out});
  T* dcell = make_running<T>(call, kDCell, {s.lstm() ? all : 0, s.batch, s.hidden});
  Backward<T>(s, data, parameters, mask, numbers<T>(kept),
              {wanted ? reinterpret_cast<T*>(ddata->bytes()) : nullptr,
               reinterpret_cast<T*>(dparameters->bytes()), dstate, dcell})
      .run(numbers<T>(dout));
}

void rnn_grad_forward(KernelCall& call) {
  auto input = [&](int i) -> const ArrayRef& {
    static const ArrayRef none;
    return call.has(i) ? call.in(i) : none;
  };
  const Layout s = rnn::read_layout({input(kData), input(kParameters), input(kState), input(kCell),
                                     input(kLengths), input(kMask)},
                                    call.attrs);
  if (call.in(kData)->dtype == DType::F64)
    grad_typed<double>(call, s);
  else
    grad_typed<float>(call, s);
}

const std::vector<KernelAttr> kAttrs = {
    {"mode", KernelAttr::Text, std::string(), true},
    {"state_size", KernelAttr::Int, int64_t{0}, true},
    {"num_layers", KernelAttr::Int, int64_t{1}},
    {"bidirectional", KernelAttr::Bool, false},
    {"projection_size", KernelAttr::Int, int64_t{0}},
    {"clip", KernelAttr::Bool, false},
    {"clip_min", KernelAttr::Real, 0.0},
    {"clip_max", KernelAttr::Real, 0.0},
    {"clip_nan", KernelAttr::Bool, false},
};

const KernelOp rnn_grad{
    .name = "rnn_grad",
    .doc = "Gradients of rnn by data, parameters, state and state_cell.",
    .inputs = {{"dout", KernelInput::Float, true},
               {"dstate", KernelInput::Float, true},
               {"dcell", KernelInput::Float, true},
               {"data"},
               {"parameters"},
               {"state"},
               {"state_cell", KernelInput::Float, true},
               {"sequence_length", KernelInput::Any, true},
               {"mask", KernelInput::Any, true},
               {"reserve", KernelInput::Any}},
    .attrs =
        [] {
          std::vector<KernelAttr> attrs = kAttrs;
          attrs.push_back({"data_grad", KernelAttr::Bool, true});
          return attrs;
        }(),
    .forward = rnn_grad_forward,
};

void rnn_rule(KernelVjp& v) {
  auto g = [&](int i) { return v.has_g(i) ? v.g(i) : ArrayRef(); };
  auto in = [&](int i) { return v.has(i) ? v.in(i) : ArrayRef(); };
  Attrs attrs = v.attrs;
  attrs.set("data_grad", v.needs(0));
  std::vector<ArrayRef> grads =
      apply(rnn_grad, {g(0), g(1), g(2), in(0), in(1), in(2), in(3), in(4), in(5), v.out(3)},
            std::move(attrs));
  for (int i = 0; i < 4; ++i)
    if (v.needs(i)) v.grad(i, grads[static_cast<size_t>(i)]);
}

const KernelOp rnn_op{
    .name = "rnn",
    .doc =
        "Recurrent layers over a sequence. Outputs: the hidden states of the last layer, the last "
        "hidden states of all layers, their last cells, and what the gradient needs.",
    .inputs = {{"data"},
               {"parameters"},
               {"state"},
               {"state_cell", KernelInput::Float, true},
               {"sequence_length", KernelInput::Any, true},
               {"mask", KernelInput::Any, true}},
    .attrs = kAttrs,
    .forward = rnn_forward,
    .vjp = rnn_rule,
    .fused_outputs = 3,
    .saves_outputs = 0b1000,
    .half_native = true,
};

}  // namespace

KernelChapter rnn_kernels() {
  static const KernelOp* const ops[] = {&rnn_op, &rnn_grad};
  return ops;
}

}  // namespace mp
