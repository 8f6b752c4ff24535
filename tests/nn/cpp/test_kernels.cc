// The network kernels without Python, on one thread and on several: the same bits, and nothing for
// the sanitizers to find. Sizes are multiples of nothing.
#include <cstring>
#include <functional>
#include <random>
#include <thread>
#include <vector>

#include "check.h"
#include "cpu/conv/conv.h"
#include "cpu/conv/packed.h"
#include "cpu/gemm.h"
#include "cpu/nn/attention.h"
#include "cpu/nn/embedding.h"
#include "cpu/nn/group_norm.h"
#include "cpu/nn/linear.h"
#include "cpu/nn/norm.h"
#include "cpu/nn/pooling.h"
#include "cpu/nn/softmax.h"
#include "engine/pool.h"

using namespace mp;
using namespace mp::cpu;

namespace {

using Floats = std::vector<float>;

Floats numbers(size_t n) {
  static std::mt19937 engine(1);
  std::normal_distribution<float> normal;
  Floats values(n);
  for (float& v : values) v = normal(engine);
  return values;
}

// `run` fills the array that it is given.
void same_on_all_threads(size_t n, const std::function<void(Floats&)>& run) {
  Floats first(n), other(n);
  pool::set_threads(1);
  run(first);
  for (int threads : {2, 4})
    for (int repeat = 0; repeat < 3; ++repeat) {
      std::fill(other.begin(), other.end(), -1.f);
      pool::set_threads(threads);
      run(other);
      CHECK(std::memcmp(first.data(), other.data(), n * sizeof(float)) == 0);
    }
}

void convolutions() {
  for (int64_t groups : {1, 3, 6})
    for (int64_t stride : {1, 2})
      for (int64_t kernel : {1, 3, 5}) {
        conv::Shape s;
        s.batch = 5, s.groups = groups, s.in_channels = 6, s.out_channels = 18;
        s.in = {1, 23, 19}, s.kernel = {1, kernel, kernel}, s.stride = {1, stride, stride};
        s.pad = {0, 1, 1};
        for (int i = 1; i < 3; ++i) s.out[i] = (s.in[i] + 2 - kernel) / stride + 1;
        const size_t data = size_t(s.batch * s.in_channels * s.in[1] * s.in[2]),
                     weight = size_t(s.out_channels * s.in_channels / groups * kernel * kernel),
                     out = size_t(s.batch * s.out_channels * s.out[1] * s.out[2]);
        const Floats x = numbers(data), w = numbers(weight), g = numbers(out), b = numbers(18);
        const conv::Epilogue epilogue{b.data(), true};
        same_on_all_threads(out, [&](Floats& y) {
          conv::forward(s, DType::F32, x.data(), {w.data()}, epilogue, y.data());
        });
        same_on_all_threads(data, [&](Floats& dx) {
          conv::data_gradient(s, DType::F32, g.data(), {w.data()}, {}, dx.data());
        });
        same_on_all_threads(weight, [&](Floats& dw) {
          conv::weight_gradient(s, DType::F32, x.data(), g.data(), dw.data());
        });
      }
}

void depthwise_convolutions() {
  conv::Shape s;
  s.batch = 5, s.groups = s.in_channels = s.out_channels = 19, s.channels_last = true;
  s.in = {1, 23, 17}, s.kernel = {1, 3, 5}, s.pad = {0, 1, 1}, s.stride = {1, 2, 1};
  s.out = {1, 12, 15};
  const size_t data = size_t(5 * 19 * 23 * 17), out = size_t(5 * 19 * 12 * 15);
  const Floats x = numbers(data), w = numbers(19 * 15), g = numbers(out), b = numbers(19);
  same_on_all_threads(out, [&](Floats& y) {
    conv::forward(s, DType::F32, x.data(), {w.data()}, {b.data(), true}, y.data(), "depthwise");
  });
  same_on_all_threads(data, [&](Floats& dx) {
    conv::data_gradient(s, DType::F32, g.data(), {w.data()}, {}, dx.data(), "depthwise");
  });
  same_on_all_threads(w.size(), [&](Floats& dw) {
    conv::weight_gradient(s, DType::F32, x.data(), g.data(), dw.data(), "depthwise");
  });
}

// Threads that find, replace and drop the packed weights of each other.
void packed_weights() {
  conv::Shape s;
  s.batch = 2, s.in_channels = 5, s.out_channels = 7;
  s.in = {1, 9, 9}, s.kernel = {1, 3, 3}, s.out = {1, 7, 7};
  const Floats x = numbers(2 * 5 * 81), w = numbers(7 * 5 * 9);
  Floats expected(2 * 7 * 49);
  conv::forward(s, DType::F32, x.data(), {w.data()}, {}, expected.data());
  std::vector<std::thread> threads;
  for (uint64_t owner = 1; owner <= 3; ++owner)
    threads.emplace_back([&, owner] {
      Floats y(expected.size());
      for (uint64_t i = 0; i < 300; ++i) {
        const uint64_t stamp = (owner % 2 + 1) << 32 | i / 3;
        conv::forward(s, DType::F32, x.data(), {w.data(), stamp}, {}, y.data());
        CHECK(std::memcmp(y.data(), expected.data(), y.size() * sizeof(float)) == 0);
        if (i % 7 == 0) conv::forget_packed(owner % 2 + 1);
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(conv::packed_statistics().found > 0);
  conv::forget_all_packed();
  CHECK(conv::packed_statistics().bytes == 0);
}

void products() {
  struct Size {
    int64_t m, n, k;
  };
  for (const Size z : {Size{3, 70, 300}, {61, 1003, 129}, {700, 45, 301}, {1001, 259, 77}})
    for (bool turned : {false, true}) {
      const Floats a = numbers(z.m * z.k), b = numbers(z.k * z.n), bias = numbers(z.n);
      const Gemm g{
          z.m, z.n, z.k, turned ? 1 : z.k, turned ? z.m : 1, turned ? 1 : z.n, turned ? z.k : 1,
          z.n};
      same_on_all_threads(z.m * z.n, [&](Floats& c) {
        const Epilogue after{z.n, Activation::Tanh, bias.data(), c.data()};
        auto bytes = [](auto& v) { return reinterpret_cast<char*>(const_cast<float*>(v.data())); };
        gemm(DType::F32, g, {bytes(a), bytes(b), bytes(c)}, linear_finish(DType::F32, after));
      });
    }
}

void softmaxes() {
  const int64_t rows = 301, n = 517;
  const Floats x = numbers(rows * n), dy = numbers(rows * n), dloss = numbers(rows);
  std::vector<int64_t> labels(rows);
  for (int64_t i = 0; i < rows; ++i) labels[i] = i % 7 ? i * 5 % n : -1;
  for (int64_t inner : {1, 11}) {
    const Softmax s{rows / inner, n, inner, 0.5, false, nullptr};
    const size_t count = size_t(s.outer * n * inner);
    Floats y(count);
    same_on_all_threads(
        count, [&](Floats& out) { softmax(DType::F32, s, {x.data(), out.data()}), y = out; });
    same_on_all_threads(
        count, [&](Floats& dx) { softmax_grad(DType::F32, s, {dy.data(), y.data(), dx.data()}); });
  }
  const CrossEntropy s{rows, n, labels.data(), -1};
  Floats largest(rows), inverse(rows);
  same_on_all_threads(rows, [&](Floats& loss) {
    cross_entropy(DType::F32, s, {x.data(), nullptr, loss.data(), largest.data(), inverse.data()});
  });
  same_on_all_threads(rows * n, [&](Floats& dx) {
    cross_entropy_grad(
        DType::F32, s,
        {dloss.data(), x.data(), nullptr, largest.data(), inverse.data(), dx.data(), nullptr});
  });
}

void normalisations() {
  const LayerNorm s{517, 301, 1e-5};
  const size_t count = size_t(s.rows * s.n);
  const Floats x = numbers(count), dy = numbers(count), gamma = numbers(301), beta = numbers(301);
  Floats mean(517), rstd(517);
  same_on_all_threads(count, [&](Floats& y) {
    layer_norm(DType::F32, s,
               {x.data(), gamma.data(), beta.data(), y.data(), mean.data(), rstd.data()});
  });
  same_on_all_threads(count + 2 * 301, [&](Floats& grads) {
    layer_norm_grad(DType::F32, s,
                    {dy.data(), x.data(), gamma.data(), mean.data(), rstd.data(), grads.data()},
                    grads.data() + count, grads.data() + count + 301);
  });
}

void group_normalisations() {
  const GroupNorm s{5, 3, 4, 333, 1e-5};
  const size_t count = size_t(s.rows() * s.n());
  const Floats x = numbers(count), dy = numbers(count), gamma = numbers(12), beta = numbers(12);
  Floats mean(15), rstd(15);
  same_on_all_threads(count, [&](Floats& y) {
    group_norm(DType::F32, s,
               {x.data(), gamma.data(), beta.data(), y.data(), mean.data(), rstd.data()});
  });
  same_on_all_threads(count + 24, [&](Floats& grads) {
    group_norm_grad(DType::F32, s,
                    {dy.data(), x.data(), gamma.data(), mean.data(), rstd.data(), grads.data(),
                     grads.data() + count, grads.data() + count + 12});
  });
}

// Windows one element apart, whose gradient is gathered.
void neighbouring_pools() {
  const PoolWindows windows[3] = {{1, 1}, {19, 19, 3, 1, 1}, {41, 41, 3, 1, 1}};
  const PoolTables tables(30, 1, windows, PoolCount::Inside);
  const size_t n = size_t(30 * 19 * 41);
  const Floats x = numbers(n), dy = numbers(n);
  Floats y(n);
  std::vector<uint8_t> places(n);
  pool_max(DType::F32, tables.pool, x.data(), y.data(), places.data());
  same_on_all_threads(n, [&](Floats& dx) {
    pool_spread_max(DType::F32, tables.pool, dy.data(), places.data(), dx.data());
  });
}

void pools() {
  const PoolWindows windows[3] = {{1, 1}, {37, 18, 3, 2, 1}, {41, 20, 3, 2, 1}};
  for (int64_t inner : {1, 5}) {
    const int64_t outer = 30;
    const PoolTables tables(outer, inner, windows, PoolCount::Inside);
    const size_t in = size_t(outer * inner * 37 * 41), out = size_t(outer * inner * 18 * 20);
    const Floats x = numbers(in), dy = numbers(out);
    std::vector<uint8_t> places(out);
    same_on_all_threads(out, [&](Floats& y) {
      pool_max(DType::F32, tables.pool, x.data(), y.data(), places.data());
    });
    same_on_all_threads(in, [&](Floats& dx) {
      pool_spread_max(DType::F32, tables.pool, dy.data(), places.data(), dx.data());
    });
    same_on_all_threads(out,
                        [&](Floats& y) { pool_sum(DType::F32, tables.pool, x.data(), y.data()); });
    same_on_all_threads(
        in, [&](Floats& dx) { pool_spread_sum(DType::F32, tables.pool, dy.data(), dx.data()); });
  }
}

void attentions() {
  const int64_t heads = 3, queries = 131, keys = 277, width = 21;
  const Floats q = numbers(heads * queries * width), k = numbers(heads * keys * width),
               v = numbers(heads * keys * width), g = numbers(heads * queries * width);
  const void *qs[heads], *ks[heads], *vs[heads], *gs[heads];
  for (int64_t h = 0; h < heads; ++h) {
    qs[h] = q.data() + h * queries * width, gs[h] = g.data() + h * queries * width;
    ks[h] = k.data() + h * keys * width, vs[h] = v.data() + h * keys * width;
  }
  std::vector<double> log_weight(heads * queries);
  Floats out(q.size());
  Attention a{heads,
              queries,
              keys,
              width,
              width,
              0.2,
              true,
              {qs, width},
              {ks, width},
              {vs, width},
              {nullptr, 0, 0},
              out.data(),
              log_weight.data()};
  same_on_all_threads(out.size(), [&](Floats& y) {
    attention(DType::F32, a);
    y = out;
  });
  same_on_all_threads(q.size() + 2 * k.size(), [&](Floats& d) {
    attention_grad(
        DType::F32,
        {a, {gs, width}, d.data(), d.data() + q.size(), d.data() + q.size() + k.size(), nullptr});
  });
}

void tables() {
  const TableShape s{1, 401, 67, 5000};
  std::vector<int64_t> rows(s.count);
  for (int64_t i = 0; i < s.count; ++i) rows[i] = i * i % s.n;
  const Floats values = numbers(s.count * s.inner);
  const std::vector<Occurrence> occurrences = sorted_occurrences(rows.data(), s.count, s.n);
  same_on_all_threads(size_t(s.n * s.inner), [&](Floats& table) {
    add_rows(DType::F32, s, occurrences, values.data(), table.data());
  });
}

}  // namespace

int main() {
  convolutions();
  depthwise_convolutions();
  packed_weights();
  products();
  softmaxes();
  normalisations();
  group_normalisations();
  pools();
  neighbouring_pools();
  attentions();
  tables();
  std::puts("ok");
}
