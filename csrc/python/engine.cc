#include "python/engine.h"

#include <pybind11/pybind11.h>

#include "core/allocator.h"
#include "cpu/conv/packed.h"
#include "cpu/scratch.h"
#include "engine/jit/jit.h"
#include "engine/pool.h"
#include "python/engine_parts.h"

namespace py = pybind11;

namespace mp {
namespace {

void define_pool(py::module_& m) {
  m.def("num_threads", &pool::threads);
  m.def("set_num_threads", &pool::set_threads);
  m.def("pool_counters", [] {
    const pool::Counters c = pool::counters();
    py::dict d;
    d["started"] = c.started;
    d["parallel_loops"] = c.parallel_loops;
    d["wakes"] = c.wakes;
    d["wake_ns"] = c.wake_ns;
    return d;
  });
}

void define_memory(py::module_& m) {
  m.def("memory_stats", [] {
    const MemoryStats s = memory_stats();
    py::dict d;
    d["live"] = s.live;
    d["peak"] = s.peak;
    d["cached"] = s.cached;
    d["reserved"] = s.reserved;
    d["packed"] = cpu::conv::packed_statistics().bytes;
    return d;
  });
  m.def("reset_peak_memory", &reset_peak_memory);
  m.def("empty_cache",
        [] { return cpu::conv::forget_all_packed() + cpu::drop_work_memory() + empty_cache(); });
  m.def("convolution_memory", [] {
    const cpu::WorkMemory s = cpu::work_memory();
    py::dict d;
    d["live"] = s.live;
    d["peak"] = s.peak;
    return d;
  });
  m.def("reset_convolution_memory", &cpu::reset_work_memory_peak);
  m.def("packed_weights", [] {
    const cpu::conv::PackedStatistics s = cpu::conv::packed_statistics();
    py::dict d;
    d["entries"] = s.entries;
    d["bytes"] = s.bytes;
    d["found"] = s.found;
    d["made"] = s.made;
    return d;
  });
}

void define_jit(py::module_& m) {
  m.def("jit_available", &jit::available);
  m.def("jit_enabled", &jit::enabled);
  m.def("set_jit", &jit::enable);
  m.def("set_jit_hot", &jit::set_hot);
  m.def("forget_jit", &jit::forget);
  m.def("jit_counters", [] {
    const jit::Counters c = jit::counters();
    py::dict d;
    d["recipes"] = c.recipes;
    d["compiled"] = c.compiled;
    d["bytes"] = c.bytes;
    d["nanoseconds"] = c.nanoseconds;
    d["recoveries"] = c.recoveries;
    return d;
  });
}

}  // namespace

bool engine_init(PyObject* module) {
  try {
    py::module_ m =
        py::reinterpret_borrow<py::module_>(module).def_submodule("engine", "The engine.");
    define_pool(m);
    define_memory(m);
    define_jit(m);
    define_tasks(m);
    define_profiler(m);
    return true;
  } catch (py::error_already_set& e) {
    e.restore();
    return false;
  }
}

}  // namespace mp
