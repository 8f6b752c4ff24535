// Recording of kernel operators, and the choice between their fused gradient rule and the
// composite.
#include <memory>

#include "core/pyref.h"
#include "ops/api.h"
#include "ops/kernel_op.h"
#include "python/convert.h"
#include "python/kernel_function.h"
#include "tape/backward.h"
#include "tape/tape.h"
#include "tape/vjp.h"

namespace mp {
namespace {

struct KernelExtra final : NodeExtra {
  const KernelOp& op;
  Attrs attrs;
  std::unique_ptr<Saved[]> inputs, outputs;
  size_t input_count, output_count = 0;
  bool live = true;

  KernelExtra(const KernelOp& op, const Attrs& attrs)
      : op(op),
        attrs(attrs),
        inputs(std::make_unique<Saved[]>(op.inputs.size())),
        input_count(op.inputs.size()) {}
  ~KernelExtra() override { release_saved(); }
  bool release_saved() override {
    for (size_t i = 0; i < input_count; ++i) saved_release(inputs[i]);
    for (size_t i = 0; i < output_count; ++i) saved_release(outputs[i]);
    return std::exchange(live, false);
  }
};

KernelExtra& extra_of(Node& node) { return static_cast<KernelExtra&>(*node.extra); }

std::vector<ArrayRef> revive_inputs(Vjp& v, KernelExtra& extra) {
  std::vector<ArrayRef> inputs(extra.input_count);
  for (size_t i = 0; i < inputs.size(); ++i)
    if (Array* a = extra.inputs[i].array) inputs[i] = Vjp::revive(a, v.node().edges[i]);
  return inputs;
}

std::vector<ArrayRef> revive_outputs(Vjp& v, KernelExtra& extra) {
  std::vector<ArrayRef> outputs(extra.output_count);
  for (size_t i = 0; i < outputs.size(); ++i)
    if (Array* a = extra.outputs[i].array)
      outputs[i] = Vjp::revive(a, {NodeRef::borrow(&v.node()), static_cast<uint32_t>(i)});
  return outputs;
}

// The operator once more in Python operations, differentiated there.
void composite_rule(Vjp& v, KernelExtra& extra) {
  const bool create_graph = tape::state.recording;
  std::vector<ArrayRef> variables = revive_inputs(v, extra);
  std::vector<Edge> targets;
  std::vector<int> places;
  for (size_t i = 0; i < variables.size(); ++i) {
    if (!variables[i] || !v.needs(static_cast<int>(i))) continue;
    variables[i] = tape::make_variable(variables[i].get());
    targets.push_back(tape::edge_of(variables[i].get()));
    places.push_back(static_cast<int>(i));
  }
  std::vector<Edge> heads;
  std::vector<ArrayRef> cotangents;
  {
    tape::RecordingScope on(true);
    std::vector<ArrayRef> outs = call_composite(extra.op, variables, extra.attrs);
    for (size_t i = 0; i < outs.size(); ++i) {
      if (!outs[i] || !v.has_g(static_cast<int>(i))) continue;
      Edge edge = tape::edge_of(outs[i].get());
      if (!edge) continue;
      heads.push_back(std::move(edge));
      cotangents.push_back(v.g(static_cast<int>(i)));
    }
  }
  if (heads.empty()) return;
  std::vector<ArrayRef> grads =
      tape::backward(heads, cotangents, targets, {.create_graph = create_graph});
  for (size_t k = 0; k < grads.size(); ++k)
    if (grads[k]) v.grad(places[k], grads[k]);
}

bool only_fused_cotangents(Vjp& v, const KernelOp& op) {
  for (int i = op.fused_outputs; i < v.nout(); ++i)
    if (v.has_g(i)) return false;
  return true;
}

void kernel_rule(Vjp& v) {
  KernelExtra& extra = extra_of(v.node());
  const KernelOp& op = extra.op;
  const bool fused =
      op.vjp && only_fused_cotangents(v, op) && (op.differentiable_rule || !tape::state.recording);
  if (!fused && op.composite) return composite_rule(v, extra);
  if (!fused)
    kernel_error(PyExc_NotImplementedError, "%s has no gradient %s", op.name,
                 op.vjp ? "of this order" : "rule");
  std::vector<ArrayRef> inputs = revive_inputs(v, extra), outputs = revive_outputs(v, extra);
  KernelVjp rule(v, inputs, outputs, extra.attrs);
  op.vjp(rule);
}

const OpDef& op_def(const KernelOp& op) {
  if (!op.def) op.def = std::make_unique<OpDef>(OpDef{.name = op.name, .vjp = kernel_rule});
  return *op.def;
}

}  // namespace

bool KernelVjp::needs(int i) const { return v_.needs(i); }
const ArrayRef& KernelVjp::g(int i) { return v_.g(i); }
bool KernelVjp::has_g(int i) const { return v_.has_g(i); }
std::span<const int64_t> KernelVjp::in_shape(int i) const { return v_.in_meta(i).shape.span(); }
void KernelVjp::grad(int i, ArrayRef value) { v_.grad(i, std::move(value)); }

NodeRef kernel_begin(const KernelOp& op, std::span<const ArrayRef> inputs, const Attrs& attrs) {
  if (!tape::state.recording) return {};
  NodeRef node = NodeRef::steal(node_new(op_def(op), inputs.size()));
  auto extra = std::make_unique<KernelExtra>(op, attrs);
  bool any = false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i] || op.inputs[i].kind != KernelInput::Float) continue;
    node->edges[i] = tape::edge_of(inputs[i].get());
    any |= bool(node->edges[i]);
  }
  if (!any) return {};
  node_renumber(node.get());
  for (size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i] && (op.composite || op.saves_inputs >> i & 1))
      saved_link(extra->inputs[i], check(array_alias(inputs[i].get())).release());
  node->extra = std::move(extra);
  return node;
}

void kernel_finish(const NodeRef& node, std::span<const ArrayRef> outputs) {
  KernelExtra& extra = extra_of(*node.get());
  extra.outputs = std::make_unique<Saved[]>(outputs.size());
  extra.output_count = outputs.size();
  std::vector<Array*> arrays;
  for (size_t i = 0; i < outputs.size(); ++i) {
    arrays.push_back(outputs[i].get());
    if (extra.op.saves_outputs >> i & 1)
      saved_link(extra.outputs[i], check(array_alias(outputs[i].get())).release());
  }
  check(tape::finish(node, arrays));
}

}  // namespace mp
