#include "cpu/conv/window.h"

#include <algorithm>
#include <cstring>

#include "cpu/conv/kernels.h"
#include "cpu/conv/row_tiles.h"

namespace mp::cpu::conv {
namespace {

constexpr int64_t kCopyElements = int64_t{1} << 17;  // of one block, where that is up to us
constexpr int64_t kLeastTasks = 16;

}  // namespace

Window::Window(const Gather& gather, int lanes, int64_t results, bool apart) : g_(gather) {
  const Axis &a0 = g_.axis[0], &a1 = g_.axis[1], &a2 = g_.axis[2];
  divided_ = a0.out > 1 ? 0 : 1;
  for (int64_t residue = 0; residue < a2.in_step; ++residue)
    for (int64_t t = 0; t < a2.taps; ++t)
      if ((a2.tap(t) - a2.lowest()) % a2.in_step == residue) {
        residues_.push_back(residue);
        break;
      }
  pitch_ = ceil_div(ceil_div(a2.out, lanes) * lanes + a2.reach() / a2.in_step, lanes) * lanes;
  row_ = pitch_ * static_cast<int64_t>(residues_.size());
  const int64_t line = divided_ == 0 ? a0.in_step : a1.in_step;
  const int64_t per_line = divided_ == 0 ? a1.out * a2.out : a2.out;
  const int64_t line_copy =
      g_.c * line * row_ * (divided_ == 0 ? a1.extent(std::max<int64_t>(a1.out, 1)) : 1);
  const int64_t lines = g_.axis[divided_].out, per_image = g_.results();

  images_ = 1;
  results_ = lines;
  if (per_image < results) {
    images_ = std::clamp<int64_t>(results / std::max<int64_t>(per_image, 1), 1,
                                  std::max<int64_t>(g_.batch, 1));
  } else {
    int64_t most = std::max<int64_t>(results / per_line, 1);
    most = std::min(most, std::max(kCopyElements / std::max<int64_t>(line_copy, 1),
                                   4 * ceil_div(g_.axis[divided_].reach(), line)));
    if (apart && g_.batch * g_.groups < kLeastTasks) {
      const int64_t parts = ceil_div(kLeastTasks, std::max<int64_t>(g_.batch * g_.groups, 1));
      most = std::min(most, std::max(ceil_div(lines, parts), ceil_div(64, per_line)));
    }
    most = std::max<int64_t>(most, 1);
    results_ = ceil_div(lines, ceil_div(lines, most));
  }
  image_blocks_ = ceil_div(g_.batch, images_);
  result_blocks_ = ceil_div(lines, results_);
  const int64_t rows0 = a0.extent(divided_ == 0 ? results_ : 1);
  const int64_t rows1 = a1.extent(divided_ == 1 ? results_ : a1.out);
  plane_row_ = rows1 * row_;
  plane_ = rows0 * plane_row_;
  if (plane_ % 1024 == 0) plane_ += lanes;  // planes a page apart would share few cache sets
  image_ = g_.c * plane_;
}

bool Window::fits() const { return image_ * images_ < (int64_t{1} << 31) - kSlack; }

Block Window::block(int64_t index) const {
  const int64_t n = index / result_blocks_ * images_, q = index % result_blocks_ * results_;
  return {0, n, std::min(images_, g_.batch - n), q, std::min(results_, g_.axis[divided_].out - q)};
}

std::vector<int32_t> Window::offsets(bool channels_first) const {
  std::vector<int32_t> all;
  all.reserve(g_.depth());
  const Axis &a0 = g_.axis[0], &a1 = g_.axis[1], &a2 = g_.axis[2];
  const int64_t outer = channels_first ? g_.c : 1, inner = channels_first ? 1 : g_.c;
  for (int64_t c0 = 0; c0 < outer; ++c0)
    for (int64_t i = 0; i < a0.taps; ++i)
      for (int64_t j = 0; j < a1.taps; ++j)
        for (int64_t c1 = 0; c1 < inner; ++c1)
          for (int64_t k = 0; k < a2.taps; ++k) {
            const int64_t column = a2.tap(k) - a2.lowest();
            const auto slot = std::find(residues_.begin(), residues_.end(), column % a2.in_step);
            all.push_back(
                static_cast<int32_t>((c0 + c1) * plane_ + (a0.tap(i) - a0.lowest()) * plane_row_ +
                                     (a1.tap(j) - a1.lowest()) * row_ +
                                     (slot - residues_.begin()) * pitch_ + column / a2.in_step));
          }
  return all;
}

std::vector<int64_t> Window::starts() const {
  std::vector<int64_t> all;
  all.reserve(most_rows());
  each_row({0, 0, images_, 0, results_}, [&](int64_t, int64_t image, int64_t q0, int64_t q1) {
    all.push_back(image * image_ + q0 * g_.axis[0].in_step * plane_row_ +
                  q1 * g_.axis[1].in_step * row_);
  });
  return all;
}

template <class T>
void Window::fill_row(const char* row, const Tensor& in, T* copy) const {
  const Axis& a = g_.axis[2];
  for (const int64_t residue : residues_) {
    const int64_t at = a.lowest() + residue;  // of the first column
    const int64_t begin = std::min(at < 0 ? ceil_div(-at, a.in_step) : 0, pitch_);
    const int64_t inside = a.in > at ? ceil_div(a.in - at, a.in_step) : 0;
    const int64_t end = std::clamp(inside, begin, pitch_);
    std::memset(copy, 0, begin * sizeof(T));
    if (end > begin) {
      const int64_t element = (at + begin * a.in_step) * in.step[2];
      conv::rows<T>().load(in.type, row + element * itemsize(in.type), a.in_step * in.step[2],
                           copy + begin, end - begin);
    }
    std::memset(copy + end, 0, (pitch_ - end) * sizeof(T));
    copy += pitch_;
  }
}

template <class T>
void Window::fill(const Block& b, const Tensor& in, T* copy) const {
  const Axis &a0 = g_.axis[0], &a1 = g_.axis[1];
  const int64_t q0 = divided_ == 0 ? b.first : 0, q1 = divided_ == 1 ? b.first : 0;
  const int64_t first0 = q0 * a0.in_step + a0.lowest(), first1 = q1 * a1.in_step + a1.lowest();
  const int64_t rows0 = a0.extent(divided_ == 0 ? b.results : 1);
  const int64_t rows1 = a1.extent(divided_ == 1 ? b.results : a1.out);
  const int64_t lines = rows0 * rows1;
  auto row = [&](int64_t n, int64_t c, int64_t line) {
    const int64_t i = line / rows1, j = line % rows1;
    T* to = copy + n * image_ + c * plane_ + i * plane_row_ + j * row_;
    const int64_t i0 = first0 + i, i1 = first1 + j;
    if (i0 < 0 || i0 >= a0.in || i1 < 0 || i1 >= a1.in)
      return std::memset(to, 0, row_ * sizeof(T)), void();
    fill_row(in.at((b.image + n) * in.image + (b.group * g_.c + c) * in.channel + i0 * in.step[0] +
                   i1 * in.step[1]),
             in, to);
  };
  for (int64_t n = 0; n < b.images; ++n) {
    if (in.channel == 1)  // channels last: those of a row share cache lines
      for (int64_t line = 0; line < lines; ++line)
        for (int64_t c = 0; c < g_.c; ++c) row(n, c, line);
    else
      for (int64_t c = 0; c < g_.c; ++c)
        for (int64_t line = 0; line < lines; ++line) row(n, c, line);
  }
  std::memset(copy + images_ * image_, 0, kSlack * sizeof(T));
}

template void Window::fill(const Block&, const Tensor&, float*) const;
template void Window::fill(const Block&, const Tensor&, double*) const;

}  // namespace mp::cpu::conv
