// Window: the part of the data that a block of results reads, copied with its zero padding into
// [image][channel][row][residue of the stride][column], so that the elements under consecutive
// results of a row are consecutive for every tap. A block is some images, or some results of the
// first spatial axis that has several, of one image.
// - The tables are those of a full block; a smaller one uses their beginning.
#pragma once
#include <vector>

#include "cpu/conv/gather.h"

namespace mp::cpu::conv {

struct Block {
  int64_t group, image, images, first, results;  // first, results: along the divided axis
};

class Window {
 public:
  // A block has about `results` results, more only where that is one row; `apart` asks for blocks
  // small enough to share the work out. `lanes` is what rows are read by.
  Window(const Gather& gather, int lanes, int64_t results, bool apart);

  int64_t blocks() const { return image_blocks_ * result_blocks_; }  // of one group
  Block block(int64_t index) const;
  int64_t rows(const Block& b) const { return b.images * rows_per_image(b.results); }
  int64_t most_rows() const { return images_ * rows_per_image(results_); }
  // Elements to allocate, and beyond which loads may not go.
  int64_t size() const { return images_ * image_ + kSlack; }
  bool fits() const;  // whether the offsets fit their type

  // Where the results of row `row` begin, relative to the block's first result.
  template <class F>
  void each_row(const Block& b, F f) const;  // f(row, image, q0, q1)

  // Of the elements of a patch: (channel, tap), or (taps of the first two axes, channel, last tap).
  std::vector<int32_t> offsets(bool channels_first = true) const;
  std::vector<int64_t> starts() const;  // of the rows of a full block
  template <class T>
  void fill(const Block& block, const Tensor& in, T* copy) const;

  static constexpr int64_t kSlack = 64;

 private:
  int64_t rows_per_image(int64_t results) const {
    return divided_ == 0 ? results * g_.axis[1].out : results;
  }
  template <class T>
  void fill_row(const char* row, const Tensor& in, T* copy) const;

  Gather g_;
  int divided_;
  int64_t images_, results_, image_blocks_, result_blocks_;
  std::vector<int64_t> residues_;  // of the last axis, those that some tap has
  int64_t pitch_, row_, plane_row_, plane_, image_;
};

template <class F>
void Window::each_row(const Block& b, F f) const {
  int64_t row = 0;
  const int64_t n0 = divided_ == 0 ? b.results : 1, n1 = divided_ == 0 ? g_.axis[1].out : b.results;
  for (int64_t image = 0; image < b.images; ++image)
    for (int64_t q0 = 0; q0 < n0; ++q0)
      for (int64_t q1 = 0; q1 < n1; ++q1)
        f(row++, b.image + image, divided_ == 0 ? b.first + q0 : 0,
          divided_ == 1 ? b.first + q1 : q1);
}

}  // namespace mp::cpu::conv
