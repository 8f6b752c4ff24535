// Where everything of the RNN operator lies: the packed parameters, as MXNet and cuDNN order them
// (the weights of all layers and directions, then their biases; gates i f c o of LSTM, r z n of
// GRU), and the reserve, which keeps what the gradient reads. Offsets count numbers.
// The reserve has for each layer, with g = kRnnGates[mode].width:
//   each direction: gates (steps, batch, g * hidden); LSTM: cells (steps + 1, batch, hidden);
//                   with a projection: hidden states before it (steps, batch, hidden)
//   hidden states (steps + directions, batch, directions * out): those after step t at t + 1, the
//                   given ones before and behind.
#pragma once
#include <string>
#include <vector>

#include "cpu/nn/rnn.h"
#include "ops/kernel_op.h"

namespace mp::rnn {

struct Layout {
  cpu::RnnMode mode;
  int64_t steps, batch, input, hidden, out, layers, directions;
  bool projected, clip, clip_nan;
  double clip_min, clip_max;
  std::vector<int64_t> lengths;  // empty: all steps

  bool lstm() const { return mode == cpu::RnnMode::Lstm; }
  const cpu::RnnGates& gates() const { return cpu::kRnnGates[static_cast<int>(mode)]; }
  int64_t rows() const { return steps * batch; }
  int64_t fed() const { return gates().count * hidden; }  // numbers of gates in the parameters
  int64_t gate_row() const { return gates().width * hidden; }
  int64_t out_row() const { return directions * out; }
  int64_t input_of(int64_t layer) const { return layer ? out_row() : input; }

  // Of the parameters; a direction is layer * directions + 0 or 1.
  int64_t weights_of(int64_t layer) const {  // of each direction of the layer
    return fed() * (input_of(layer) + out) + (projected ? out * hidden : 0);
  }
  int64_t input_weight(int64_t layer, int64_t direction) const {
    const int64_t before =
        layer ? directions * (weights_of(0) + (layer - 1) * weights_of(1)) : int64_t{0};
    return before + direction * weights_of(layer);
  }
  int64_t hidden_weight(int64_t layer, int64_t direction) const {
    return input_weight(layer, direction) + fed() * input_of(layer);
  }
  int64_t projection_weight(int64_t layer, int64_t direction) const {
    return hidden_weight(layer, direction) + fed() * out;
  }
  int64_t input_bias(int64_t layer, int64_t direction) const {
    return input_weight(layers, 0) + 2 * fed() * (layer * directions + direction);
  }
  int64_t hidden_bias(int64_t layer, int64_t direction) const {
    return input_bias(layer, direction) + fed();
  }
  int64_t parameters() const { return input_bias(layers, 0); }

  // Of a layer's part of the reserve.
  int64_t cells_size() const { return lstm() ? (steps + 1) * batch * hidden : 0; }
  int64_t direction_size() const {
    return rows() * gate_row() + cells_size() + (projected ? rows() * hidden : 0);
  }
  int64_t gates_at(int64_t direction) const { return direction * direction_size(); }
  int64_t cells_at(int64_t direction) const { return gates_at(direction) + rows() * gate_row(); }
  int64_t raw_at(int64_t direction) const { return cells_at(direction) + cells_size(); }
  int64_t states_at() const { return directions * direction_size(); }
  int64_t reserve_of_layer() const {
    return states_at() + (steps + directions) * batch * out_row();
  }
  // The state that RnnShape's pointer `hidden` points at.
  int64_t first_state(int64_t direction) const {
    return states_at() + direction * (batch * out_row() + out);
  }
  int64_t state_before(int64_t direction) const {  // step 0
    return first_state(direction) + direction * batch * out_row();
  }
  int64_t given_state(int64_t direction) const {
    return first_state(direction) + direction * steps * batch * out_row();
  }
  int64_t last_state(int64_t direction) const {
    return first_state(direction) + (1 - direction) * steps * batch * out_row();
  }

  cpu::RnnShape shape(int64_t direction) const {
    return {mode,      direction == 1, steps,
            batch,     hidden,         out,
            out_row(), clip,           clip_nan,
            clip_min,  clip_max,       lengths.empty() ? nullptr : lengths.data()};
  }
};

struct Inputs {
  const ArrayRef &data, &parameters, &state, &cell, &lengths, &mask;
};
// Reads the attributes and checks the inputs' shapes against them.
Layout read_layout(const Inputs& in, const Attrs& attrs);

}  // namespace mp::rnn
