#include "engine/segment_trace.h"

#include <string>
#include <vector>

#include "engine/profiler.h"

namespace mp {
namespace {

std::string names(const Program& program, const Segment& segment) {
  constexpr size_t kLongest = 120;
  std::string text;
  for (int i : segment.code) {
    if (!text.empty()) text += '+';
    text += program.code[i].name;
    if (text.size() > kLongest) return text + "...";
  }
  return text;
}

int64_t extent(const Instruction& op, const Operand& arg) {
  int64_t n = itemsize(arg.dtype);
  for (int d = 0; d < op.ndim; ++d) n *= arg.strides[d] ? op.shape[d] : 1;
  return n;
}

// Bytes read from and written to memory, each view once, and the dtypes written.
struct Traffic {
  int64_t bytes = 0, flops = 0;
  std::string written;

  Traffic(const Program& program, const FusedProgram& fused, const Segment& segment) {
    std::vector<const Operand*> seen;
    for (int i : segment.code) {
      const Instruction& op = program.code[i];
      flops += op.size();
      for (int k = 0; k < op.nargs(); ++k) {
        const Operand& arg = op.args[k];
        if (arg.slot < 0 || fused.homes[arg.slot].kind != Home::Memory) continue;
        if (k >= op.nin)
          written += std::string(written.empty() ? "" : " ") + kDTypeName[index(arg.dtype)];
        bool known = false;
        for (const Operand* other : seen)
          known |= other->slot == arg.slot && other->offset == arg.offset;
        if (known) continue;
        seen.push_back(&arg);
        bytes += extent(op, arg);
      }
    }
  }
};

std::string shape_text(const Segment& segment) {
  std::string text = "(";
  for (int d = 0; d < segment.ndim; ++d) text += (d ? "," : "") + std::to_string(segment.shape[d]);
  return text + ")";
}

}  // namespace

void run_segment_traced(const Program& program, const FusedProgram& fused, const Segment& segment,
                        int* raised, int ignored) {
  if (!profiler::on()) return run_segment(program, fused, segment, raised, ignored);
  profiler::Span span(profiler::kSegment, names(program, segment));
  run_segment(program, fused, segment, raised, ignored);
  span.stop();
  if (!span) return;
  const Traffic traffic(program, fused, segment);
  span.describe(shape_text(segment) + " -> " + traffic.written, traffic.bytes, traffic.flops);
}

}  // namespace mp
