#include "tape/composite.h"

#include "ops/api.h"
#include "tape/backward.h"
#include "tape/tape.h"

namespace mp::tape {

ArrayRef composite_vjp(const std::function<ArrayRef(const ArrayRef&)>& f, const ArrayRef& x, const ArrayRef& g) {
  const bool create_graph = state.recording;
  ArrayRef variable = make_variable(x.get()), y;
  {
    RecordingScope on(true);
    y = f(variable);
  }
  Edge target = edge_of(variable.get()), head = edge_of(y.get());
  std::vector<ArrayRef> grads = backward({&head, 1}, {&g, 1}, {&target, 1}, {.create_graph = create_graph});
  return grads[0] ? grads[0] : api::zeros(x->dtype, x->shape_span());
}

}  // namespace mp::tape
