#include "cpu/gemm.h"

#include <algorithm>
#include <cstring>

#include "cpu/scratch.h"
#include "engine/pool.h"

namespace mp::cpu {
namespace {

constexpr int64_t kDepth = 256;                      // of a part of the sum
constexpr int64_t kFewRows = 192;                    // a strip of columns goes down all of them
constexpr int64_t kLeftBytes = 256 << 10;            // of which packed ones, at most
constexpr int64_t kGroupBytes = 96 << 10;            // of panels that are packed for themselves
constexpr int64_t kSharedBytes = 4 << 20;            // of panels that all rows read
constexpr int64_t kPackedTogether = 8;               // panels: rows of b are read in long pieces
constexpr int64_t kMostRows = 192, kLeastRows = 24;  // of a task
constexpr int64_t kTasksPerThread = 8;
constexpr int64_t kDirectColumns = 256;  // rows of a that meet so few are not worth packing

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

template <class T>
const GemmLoops<T>& loops() {
  if constexpr (sizeof(T) == 4) {
    static const GemmLoops<float>& best = MP_BEST_ISA(gemm_f32);
    return best;
  } else {
    static const GemmLoops<double>& best = MP_BEST_ISA(gemm_f64);
    return best;
  }
}

template <class T>
int64_t cost_ns(const Gemm& g) {
  const double each = 0.006 * sizeof(T);
  return 50 + static_cast<int64_t>(each * static_cast<double>(g.m * g.n * g.k));
}

// The depth in parts of about equal length.
struct DepthParts {
  int64_t k, count;
  explicit DepthParts(int64_t depth) : k(depth), count(ceil_div(depth, kDepth)) {}
  int64_t begin(int64_t part) const { return part * k / count; }
  int64_t length(int64_t part) const { return begin(part + 1) - begin(part); }
};

template <class T>
class Product {
 public:
  Product(const Gemm& g, const GemmData& d, const GemmFinish& finish)
      : g_(g),
        a_(reinterpret_cast<const T*>(d.a)),
        b_(reinterpret_cast<const T*>(d.b)),
        c_(reinterpret_cast<T*>(d.c)),
        finish_(finish),
        parts_(g.k),
        panel_(loops<T>().panel),
        panels_(ceil_div(g.n, panel_)),
        pack_left_(g.a_col != 1 || g.n > kDirectColumns) {}

  void run() {
    if (g_.k == 0)
      clear();
    else if (g_.m <= kFewRows && panels_ >= wanted_tasks() &&
             (!pack_left_ || g_.m * g_.k * int64_t{sizeof(T)} <= kLeftBytes))
      by_columns();
    else
      by_rows();
  }

 private:
  static int64_t threads() { return pool::inside() ? 1 : pool::threads(); }
  static int64_t wanted_tasks() { return threads() == 1 ? 1 : 4 * threads(); }

  void clear() {
    for (int64_t i = 0; i < g_.m; ++i) std::memset(c_ + i * g_.c_row, 0, sizeof(T) * g_.n);
    finish({0, g_.m, 0, g_.n});
  }
  void finish(const GemmRange& range) const {
    if (finish_.run) finish_.run(finish_.context, range);
  }
  const T* left(int64_t i, int64_t k) const { return a_ + i * g_.a_row + k * g_.a_col; }
  const T* right(int64_t k, int64_t j) const { return b_ + k * g_.b_row + j * g_.b_col; }
  void pack_left(int64_t row, int64_t rows, int64_t part, T* to) const {
    loops<T>().pack_left(left(row, parts_.begin(part)), g_.a_row, g_.a_col, rows,
                         parts_.length(part), to);
  }
  void pack_right(int64_t part, int64_t column, int64_t columns, T* to) const {
    loops<T>().pack_right(right(parts_.begin(part), column), g_.b_row, g_.b_col,
                          parts_.length(part), columns, to);
  }
  // `packed` are those rows and that part of a, or null.
  void multiply(const GemmRange& r, int64_t part, const T* packed, const T* panels) const {
    loops<T>().multiply({r.row_end - r.row, r.column_end - r.column, parts_.length(part),
                         packed ? packed : left(r.row, parts_.begin(part)), g_.a_row, g_.a_col,
                         packed != nullptr, panels, c_ + r.row * g_.c_row + r.column, g_.c_row,
                         part > 0});
  }

  // Few rows: every task packs some columns of b and multiplies all rows by them at once.
  void by_columns() {
    Scratch packed(pack_left_ ? sizeof(T) * (g_.m * g_.k + kGemmSlack) : 0);
    if (pack_left_)
      for (int64_t part = 0; part < parts_.count; ++part)
        pack_left(0, g_.m, part, packed.as<T>() + g_.m * parts_.begin(part));
    const int64_t bytes = panel_ * std::min(kDepth, g_.k) * sizeof(T);
    const int64_t group = std::max<int64_t>(kGroupBytes / bytes, 1);
    pool::parallel_for(panels_, 1, cost_ns<T>(g_), [&](int64_t begin, int64_t end) {
      Scratch own(std::min(group, end - begin) * bytes);
      for (int64_t p = begin; p < end; p += group) {
        const GemmRange r{0, g_.m, p * panel_, std::min(std::min(p + group, end) * panel_, g_.n)};
        for (int64_t part = 0; part < parts_.count; ++part) {
          pack_right(part, r.column, r.column_end - r.column, own.as<T>());
          multiply(r, part, pack_left_ ? packed.as<T>() + g_.m * parts_.begin(part) : nullptr,
                   own.as<T>());
        }
        finish(r);
      }
    });
  }

  // Many rows: columns of b are packed for all of them, in as many parts as the cache shares out.
  void by_rows() {
    const int64_t depth = std::min(kDepth, g_.k), width = panel_ * int64_t{sizeof(T)};
    const int64_t at_once = std::min(panels_, std::max<int64_t>(kSharedBytes / (width * depth), 1));
    const int64_t parts =
        std::clamp<int64_t>(kSharedBytes / (width * depth * at_once), 1, parts_.count);
    Scratch shared(width * at_once * std::min(parts * depth, g_.k));
    for (int64_t p = 0; p < panels_; p += at_once)
      for (int64_t part = 0; part < parts_.count; part += parts) {
        const Stage s{p * panel_, std::min((p + at_once) * panel_, g_.n), part,
                      std::min(part + parts, parts_.count), shared.as<T>()};
        pack_stage(s);
        multiply_stage(s);
      }
  }

  struct Stage {
    int64_t column, column_end, part, part_end;
    T* panels;
  };
  // Where a part's panels are: those of the parts before lie in front.
  T* panels_of(const Stage& s, int64_t part) const {
    return s.panels + (parts_.begin(part) - parts_.begin(s.part)) *
                          ceil_div(s.column_end - s.column, panel_) * panel_;
  }
  void pack_stage(const Stage& s) const {
    const int64_t count = ceil_div(s.column_end - s.column, panel_), parts = s.part_end - s.part;
    const int64_t elements = (parts_.begin(s.part_end) - parts_.begin(s.part)) * count * panel_;
    const int64_t groups = ceil_div(count, kPackedTogether);
    pool::parallel_for(groups * parts, 1, elements / 4, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t part = s.part + i / groups, at = i % groups * kPackedTogether * panel_;
        const int64_t columns = std::min(kPackedTogether * panel_, s.column_end - s.column - at);
        pack_right(part, s.column + at, columns, panels_of(s, part) + at * parts_.length(part));
      }
    });
  }
  void multiply_stage(const Stage& s) const {
    const int64_t wanted = ceil_div(g_.m, threads() == 1 ? 1 : kTasksPerThread * threads());
    const int64_t rows = std::clamp(ceil_div(wanted, 6) * 6, kLeastRows, kMostRows);
    const int64_t depth = parts_.begin(s.part_end) - parts_.begin(s.part);
    const Gemm work{g_.m, s.column_end - s.column, depth, 0, 0, 0, 0, 0};
    pool::parallel_for(ceil_div(g_.m, rows), 1, cost_ns<T>(work), [&](int64_t begin, int64_t end) {
      Scratch own(pack_left_ ? sizeof(T) * (rows * std::min(kDepth, g_.k) + kGemmSlack) : 0);
      T* packed = pack_left_ ? own.as<T>() : nullptr;
      for (int64_t task = begin; task < end; ++task) {
        const GemmRange r{task * rows, std::min((task + 1) * rows, g_.m), s.column, s.column_end};
        for (int64_t part = s.part; part < s.part_end; ++part) {
          if (packed) pack_left(r.row, r.row_end - r.row, part, packed);
          multiply(r, part, packed, panels_of(s, part));
        }
        if (s.part_end == parts_.count) finish(r);
      }
    });
  }

  const Gemm& g_;
  const T *a_, *b_;
  T* c_;
  GemmFinish finish_;
  DepthParts parts_;
  int64_t panel_, panels_;
  bool pack_left_;
};

// A tall product of few columns whose first operand lies by columns is made the other way round:
// then that operand is copied in long pieces, and no lane is spent on columns that are not there.
constexpr int64_t kMostTurned = 64, kLeastTurnedDepth = 32;
bool better_turned(const Gemm& g) {
  return g.a_row == 1 && g.a_col > 1 && g.n <= kMostTurned && g.m >= 4 * g.n &&
         g.k >= kLeastTurnedDepth;
}

template <class T>
struct Turned {
  const T* from;
  T* to;
  int64_t from_row, to_row;
  static void finish(const void* context, const GemmRange& r) {
    const auto& t = *static_cast<const Turned*>(context);
    loops<T>().transpose(t.from + r.row * t.from_row + r.column, t.from_row, r.row_end - r.row,
                         r.column_end - r.column, t.to + r.column * t.to_row + r.row, t.to_row);
  }
};

template <class T>
void gemm_typed(const Gemm& g, const GemmData& d, const GemmFinish& finish) {
  if (finish.run || !better_turned(g)) return Product<T>(g, d, finish).run();
  Scratch scratch(sizeof(T) * g.m * g.n);
  const Gemm turned{g.n, g.m, g.k, g.b_col, g.b_row, g.a_col, g.a_row, g.m};
  const Turned<T> t{scratch.as<T>(), reinterpret_cast<T*>(d.c), g.m, g.c_row};
  Product<T>(turned, {d.b, d.a, scratch.as<char>()}, {Turned<T>::finish, &t}).run();
}

}  // namespace

void gemm(DType dtype, const Gemm& g, const GemmData& data, const GemmFinish& finish) {
  if (g.m == 0 || g.n == 0) return;
  if (dtype == DType::F64)
    gemm_typed<double>(g, data, finish);
  else
    gemm_typed<float>(g, data, finish);
}

void gemm_stack(DType dtype, const Gemm& g, const GemmData* products, int64_t count) {
  constexpr int64_t kCutNs = 200'000;
  const int64_t each = dtype == DType::F64 ? cost_ns<double>(g) : cost_ns<float>(g);
  auto run = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) gemm(dtype, g, products[i]);
  };
  if (count == 1 || each > kCutNs) return run(0, count);
  pool::parallel_for(count, 2000 / each + 1, each * count, run);
}

}  // namespace mp::cpu
