"""What an executor's plan saves: activations in place and given back, gradients filled as they are complete."""

import minpy as mx
from minpy import nd, sym

LAYERS, BATCH, WIDTH = 20, 128, 512
RESULT = BATCH * WIDTH * 4


def deep_mlp():
    x = sym.var("data")
    for i in range(LAYERS):
        x = sym.Activation(sym.FullyConnected(x, num_hidden=WIDTH, name=f"fc{i}"), act_type="relu")
    executor = sym.MakeLoss(sym.sum(x)).simple_bind(mx.cpu(), data=(BATCH, WIDTH))
    for array in executor.arg_arrays:
        array[:] = mx.nd.random.normal(0, 0.05, shape=array.shape)
    return executor


def test_a_deep_network_trains_in_less_than_60_percent_of_the_memory_of_its_activations():
    executor = deep_mlp()

    def step():
        executor.forward(is_train=True)
        executor.backward()
        nd.waitall()

    step()
    executor._results = None
    before = mx.memory.stats()["live"]
    mx.memory.reset_peak()
    step()
    peak = mx.memory.stats()["peak"] - before
    unplanned = 2 * LAYERS * 2 * RESULT  # products, activations, and the gradient of each
    assert peak <= 0.4 * unplanned
    text = executor.debug_str()
    assert text.count("act_type='relu'") == LAYERS and " relu(" not in text
    assert "MB allocated" in text and "# fc19" in text


def test_inference_takes_two_buffers():
    executor = deep_mlp()
    executor.forward()
    plan = executor._compiled.plans[-1]
    assert plan.planned_bytes <= 3 * RESULT < plan.unplanned_bytes / 10


def test_passes_leave_nothing_to_the_garbage_collector():
    import gc

    executor = deep_mlp()
    executor.forward(is_train=True)
    executor.backward()
    gc.collect()
    gc.disable()
    try:
        live = []
        for _ in range(5):
            executor.forward(is_train=True)
            executor.backward()
            nd.waitall()
            live.append(mx.memory.stats()["live"])
    finally:
        gc.enable()
    assert max(live[1:]) == live[1]
