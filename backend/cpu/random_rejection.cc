#include "cpu/random_rejection.h"

#include "engine/pool.h"

namespace mp::cpu {
namespace {

const RejectionLoops& loops = MP_BEST_ISA(rejection_loops);

constexpr int64_t kGrain = 256;
constexpr int64_t kNs[kRejections] = {12, 14, 40, 40};  // an element's time, for the thread pool

template <class T>
void fill(Rejection kind, T* out, int64_t n, Philox at, ElementParams params) {
  const int row = static_cast<int>(kind);
  const RejectionLoops::Fill body = loops.fill[row][sizeof(T) == 8];
  pool::parallel_for(n, kGrain, n * kNs[row], [=](int64_t begin, int64_t end) {
    body(reinterpret_cast<char*>(out), begin, end, at, params);
  });
}

}  // namespace

void random_rejection(Rejection kind, float* out, int64_t n, Philox at, ElementParams params) {
  fill(kind, out, n, at, params);
}
void random_rejection(Rejection kind, double* out, int64_t n, Philox at, ElementParams params) {
  fill(kind, out, n, at, params);
}

}  // namespace mp::cpu
