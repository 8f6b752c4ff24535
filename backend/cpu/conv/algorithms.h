// The algorithms behind conv.h. Each computes a gather (forward and data gradient) or a weight
// gradient in T for arrays of any floating type.
#pragma once
#include "cpu/conv/gather.h"

namespace mp::cpu::conv {

// Whether the taps are 3x3 neighbours under consecutive results, as Winograd's transforms want.
bool winograd_takes(const Gather& gather);

// One channel in and one out of each group, channels last.
bool depthwise_takes(const Gather& gather);

// Whether rows of the input take fewer vectors than those of results, without strides in it.
template <class T>
bool scatter_takes(const Gather& gather);

// How the vectors of a product are read: in place from the padded window, whose rows they have to
// fill well, or from panels packed from it.
enum class Panels { kInPlace, kPacked };

template <class T>
void gather_by_tiles(const Gather& gather, Panels panels, const Tensor& in, const Weights& weights,
                     const Epilogue& epilogue, const Tensor& out);
template <class T>
void gather_by_loops(const Gather& gather, const Tensor& in, const Weights& weights,
                     const Epilogue& epilogue, const Tensor& out);
template <class T>
void gather_by_winograd(const Gather& gather, const Tensor& in, const Weights& weights,
                        const Epilogue& epilogue, const Tensor& out);
template <class T>
void gather_depthwise(const Gather& gather, const Tensor& in, const Weights& weights,
                      const Epilogue& epilogue, const Tensor& out);
template <class T>
void gather_by_scatter(const Gather& gather, const Tensor& in, const Weights& weights,
                       const Epilogue& epilogue, const Tensor& out);
// `gather` is the forward one; weights.data is written.
template <class T>
void weights_by_dots(const Gather& gather, Panels panels, const Tensor& data, const Tensor& grad,
                     const Weights& weights);
template <class T>
void weights_by_winograd(const Gather& gather, const Tensor& data, const Tensor& grad,
                         const Weights& weights);
template <class T>
void weights_depthwise(const Gather& gather, const Tensor& data, const Tensor& grad,
                       const Weights& weights);
template <class T>
void weights_by_loops(const Gather& gather, const Tensor& data, const Tensor& grad,
                      const Weights& weights);

}  // namespace mp::cpu::conv
