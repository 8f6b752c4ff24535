"""A small language model in buckets, for MXNet and for minpy: sentences that count upward from a random start."""

import random

import numpy


def sentences(count=240, words=20, seed=1):
    """Sentences of words that follow each other, some with a jump, of 3 to 9 words."""
    rng = numpy.random.RandomState(seed)
    made = []
    for _ in range(count):
        start, length = rng.randint(words), rng.randint(3, 10)
        steps = numpy.where(rng.uniform(size=length) < 0.05, 3, 1)
        made.append([f"w{(start + s) % words:02d}" for s in numpy.cumsum(steps)])
    return made


def train(mx, cell, batch_size=10, epochs=5, seed=7):
    """Perplexities of training by epoch, and the module."""
    random.seed(seed)
    numpy.random.seed(seed)
    mx.random.seed(seed)
    coded, vocab = mx.rnn.encode_sentences(sentences(), invalid_label=0, start_label=1)
    batches = mx.rnn.BucketSentenceIter(coded, batch_size, buckets=[5, 9], invalid_label=0)

    def generate(length):
        data, label = mx.sym.Variable("data"), mx.sym.Variable("softmax_label")
        embedded = mx.sym.Embedding(data, input_dim=len(vocab) + 1, output_dim=8, name="embed")
        cell.reset()
        outputs, _ = cell.unroll(length, inputs=embedded, merge_outputs=True)
        scores = mx.sym.FullyConnected(
            mx.sym.Reshape(outputs, shape=(-1, 16)), num_hidden=len(vocab) + 1, name="pred"
        )
        out = mx.sym.SoftmaxOutput(scores, mx.sym.Reshape(label, shape=(-1,)), name="softmax")
        return out, ("data",), ("softmax_label",)

    module = mx.mod.BucketingModule(generate, default_bucket_key=batches.default_bucket_key, context=mx.cpu())
    found = []
    metric = mx.metric.Perplexity(0)
    module.fit(
        batches,
        eval_metric=metric,
        optimizer="sgd",
        optimizer_params={"learning_rate": 0.1, "momentum": 0.5, "clip_gradient": 1.0},
        initializer=mx.init.Xavier(factor_type="in", magnitude=2.34),
        num_epoch=epochs,
        batch_end_callback=None,
        epoch_end_callback=lambda *_: found.append(metric.get()[1]),
    )
    return found, module, batches


def stream(mx, layout):
    """What the iterator gives in two epochs."""
    random.seed(3)
    numpy.random.seed(3)
    coded, _ = mx.rnn.encode_sentences(sentences(60), start_label=2)
    batches = mx.rnn.BucketSentenceIter(coded, 4, invalid_label=-1, layout=layout)
    rows = [list(map(int, batches.buckets))]
    for _ in range(2):
        for batch in batches:
            shapes = [list(batch.provide_data[0].shape), list(batch.provide_label[0].shape)]
            rows.append(
                [
                    int(batch.bucket_key),
                    shapes,
                    batch.data[0].asnumpy().tolist(),
                    batch.label[0].asnumpy().tolist(),
                ]
            )
        batches.reset()
    return rows


def cells(mx):
    """Cells to train with, by name."""
    stack = mx.rnn.SequentialRNNCell()
    stack.add(mx.rnn.GRUCell(16, prefix="a_"))
    stack.add(mx.rnn.ResidualCell(mx.rnn.RNNCell(16, prefix="b_")))
    return {"lstm": mx.rnn.LSTMCell(16), "fused": mx.rnn.FusedRNNCell(16, mode="lstm"), "stack": stack}


if __name__ == "__main__":
    import hashlib
    import json
    import pathlib

    import mxnet

    answers = {name: train(mxnet, cell)[0] for name, cell in cells(mxnet).items()}
    for layout in ("NT", "TN"):
        answers[layout] = hashlib.sha256(json.dumps(stream(mxnet, layout)).encode()).hexdigest()
    (pathlib.Path(__file__).parent / "data" / "language.json").write_text(json.dumps(answers, indent=1))
    print(answers)
