// minpy._core.engine's profiler functions, on which minpy/profiler.py builds MXNet's interface.
#include "core/storage.h"
#include "engine/profiler.h"
#include "python/engine_parts.h"

namespace py = pybind11;

namespace mp {
namespace {

int64_t bytes_in_use() { return static_cast<int64_t>(small_cache.live); }

// (kind, category, thread, start_ns, duration_ns, bytes, flops, value, name, operands)
py::tuple as_tuple(const profiler::Event& e) {
  return py::make_tuple(static_cast<int>(e.kind), profiler::kCategoryNames[e.category], e.thread,
                        e.start_ns, e.duration_ns, e.bytes, e.flops, e.value, e.name, e.operands);
}

void record(int kind, std::string name, std::string domain, int64_t start_ns, int64_t duration_ns,
            int64_t value) {
  profiler::Event e;
  e.kind = static_cast<profiler::Event::Kind>(kind);
  e.start_ns = start_ns;
  e.duration_ns = duration_ns;
  e.value = value;
  e.name = std::move(name);
  e.operands = std::move(domain);
  profiler::add(std::move(e));
}

}  // namespace

void define_profiler(py::module_& m) {
  m.def("set_tracing", [](bool on) { profiler::set_wish(profiler::kTrace, on); });
  m.def("set_printing", [](bool on) { profiler::set_wish(profiler::kPrint, on); });
  m.def("set_memory_tracing", [](bool on) { profiler::live_bytes = on ? bytes_in_use : nullptr; });
  m.def("record_event", &record);
  m.def("recorded_events", [](bool clear) {
    const profiler::Recorded r = profiler::recorded(clear);
    py::list events;
    for (const profiler::Event& e : r.events) events.append(as_tuple(e));
    return py::make_tuple(events, r.lost);
  });
  m.def("forget_profiler_lock", &profiler::forget_lock);
}

}  // namespace mp
