"""Metrics; the values are those that MXNet 1.9.1 gave for the same batches."""

import math
import pickle

import numpy
import pytest

from minpy import metric, nd

LABELS = [nd.array([0, 1, 2, 1])]
SCORES = [nd.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.2, 0.2, 0.6], [0.3, 0.4, 0.3]])]
TRUE = [nd.array([[1.0], [2], [3], [5]])]
VALUES = [nd.array([[1.5], [2], [2], [4]])]
BINARY = [nd.array([0, 1, 1, 0])]
BINARY_SCORES = [nd.array([[0.3, 0.7], [0.4, 0.6], [0.2, 0.8], [0.9, 0.1]])]


def share(label, pred):
    return float((label == pred.argmax(1)).mean())


# metric, labels, predictions, name, value, and num_inst and sum_metric after the same batch came twice
CASES = {
    "acc": (metric.Accuracy, LABELS, SCORES, "accuracy", 0.75, 8, 6.0),
    "classes": (metric.Accuracy, LABELS, [nd.array([0, 2, 2, 1])], "accuracy", 0.75, 8, 6.0),
    "top2": (lambda: metric.TopKAccuracy(2), LABELS, SCORES, "top_k_accuracy_2", 1.0, 8, 8.0),
    "f1": (metric.F1, BINARY, BINARY_SCORES, "f1", 0.8, 2, 1.6),
    "f1 micro": (lambda: metric.F1(average="micro"), BINARY, BINARY_SCORES, "f1", 0.8, 8, 6.4),
    "mcc": (metric.MCC, BINARY, BINARY_SCORES, "mcc", 0.5773502691896258, 2, 1.1547005383792517),
    "mcc micro": (
        lambda: metric.MCC(average="micro"),
        BINARY,
        BINARY_SCORES,
        "mcc",
        0.5773502691896258,
        8,
        8 * 0.5773502691896258,
    ),
    "mae": (metric.MAE, TRUE, VALUES, "mae", 0.625, 2, 1.25),
    "mse": (metric.MSE, TRUE, VALUES, "mse", 0.5625, 2, 1.125),
    "rmse": (metric.RMSE, TRUE, VALUES, "rmse", 0.75, 2, 1.5),
    "ce": (metric.CrossEntropy, LABELS, SCORES, "cross-entropy", 0.7469410300254822, 8, 5.975528240203857),
    "nll": (
        metric.NegativeLogLikelihood,
        LABELS,
        SCORES,
        "nll-loss",
        0.7469410300254822,
        8,
        5.975528240203857,
    ),
    "perplexity": (
        lambda: metric.Perplexity(None),
        LABELS,
        SCORES,
        "perplexity",
        2.110533945935774,
        8,
        5.975527763366699,
    ),
    "perplexity ignore": (
        lambda: metric.Perplexity(1),
        LABELS,
        SCORES,
        "perplexity",
        1.5430334810193704,
        4,
        1.7350010871887207,
    ),
    "pearson": (
        metric.PearsonCorrelation,
        TRUE,
        VALUES,
        "pearsonr",
        0.9462555234916722,
        2,
        1.8925110469833444,
    ),
    "pcc": (metric.PCC, BINARY, BINARY_SCORES, "pcc", 0.5773502691896258, 2, 1.1547005383792517),
    "loss": (metric.Loss, None, SCORES, "loss", 0.3333333333333333, 24, 8.0),
    "torch": (metric.Torch, None, SCORES, "torch", 0.3333333333333333, 24, 8.0),
    "custom": (lambda: metric.np(share), LABELS, SCORES, "share", 0.75, 2, 1.5),
}


@pytest.mark.parametrize("case", CASES)
def test_values(case):
    make, labels, preds, name, value, count, total = CASES[case]
    m = make()
    assert m.get()[0] == name and math.isnan(m.get()[1]) and math.isnan(m.get_global()[1])
    m.update(labels, preds)
    assert m.get() == (name, pytest.approx(value, rel=3e-7))
    m.update(labels, preds)
    assert m.get() == (name, pytest.approx(value, rel=3e-7)) and type(m.get()[1]) is float
    assert m.num_inst == count and m.sum_metric == pytest.approx(total, rel=3e-7)
    assert m.get_name_value() == [m.get()] == m.get_global_name_value()
    m.reset_local()
    assert math.isnan(m.get()[1]) and m.get_global() == (name, pytest.approx(value, rel=3e-7))
    m.reset()
    assert math.isnan(m.get_global()[1])


def test_text():
    m = metric.Accuracy()
    m.update(LABELS, SCORES)
    assert str(m) == "EvalMetric: {'accuracy': 0.75}"
    assert metric.np(lambda label, pred: 0.0).name == "custom(<lambda>)"


@pytest.mark.parametrize("count", [1, 2])
def test_means_over_batches_differ_from_means_over_samples(count):
    """Errors and 'macro' averages weigh batches alike, whatever their size."""
    batches = [([nd.array([1.0])], [nd.array([3.0])]), ([nd.array([0.0] * 4)], [nd.array([1.0] * 4)])]
    m = metric.MSE()
    for labels, preds in batches[:count]:
        m.update(labels, preds)
    assert m.get()[1] == {1: 4.0, 2: 2.5}[count]
    macro, micro = metric.F1(), metric.F1(average="micro")
    for m in (macro, micro):
        m.update([nd.array([1, 1])], [nd.array([[0, 1.0], [0, 1]])])
        m.update([nd.array([1, 0, 1, 0])], [nd.array([[0, 1.0], [0, 1], [1, 0], [1, 0]])])
    assert macro.get()[1] == 0.75 and micro.get()[1] == 0.75
    for m in (macro, micro):
        m.update([nd.array([1])], [nd.array([[1.0, 0]])])
    assert macro.get()[1] == 0.5 and micro.get()[1] == pytest.approx(2 * 0.75 * 0.6 / 1.35)


def test_pearson_micro_is_that_of_all_samples():
    rng = numpy.random.default_rng(0)
    label = rng.normal(size=30)
    pred = label + rng.normal(size=30)
    m = metric.PearsonCorrelation(average="micro")
    for part in (slice(0, 5), slice(5, 6), slice(6, 30)):
        m.update([nd.array(label[part], dtype="float64")], [nd.array(pred[part], dtype="float64")])
    assert m.get()[1] == pytest.approx(numpy.corrcoef(label, pred)[0, 1], rel=1e-12)
    m.reset()
    assert math.isnan(m.get()[1])


def test_pcc_of_many_classes():
    rng = numpy.random.default_rng(1)
    label, pred = rng.integers(0, 4, 50), rng.integers(0, 6, 50)
    m = metric.PCC()
    m.update([nd.array(label[:20])], [nd.array(pred[:20])])
    m.update([nd.array(label[20:])], [nd.array(pred[20:])])
    confusion = numpy.zeros((6, 6))
    numpy.add.at(confusion, (pred, label), 1)
    n, x, y = 50, confusion.sum(1), confusion.sum(0)
    expected = (n * numpy.trace(confusion) - x @ y) / math.sqrt((n * n - x @ x) * (n * n - y @ y))
    assert m.get()[1] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "name, kind, label",
    [
        ("acc", metric.Accuracy, "accuracy"),
        ("Accuracy", metric.Accuracy, "accuracy"),
        ("ce", metric.CrossEntropy, "cross-entropy"),
        ("nll_loss", metric.NegativeLogLikelihood, "nll-loss"),
        ("mae", metric.MAE, "mae"),
        ("rmse", metric.RMSE, "rmse"),
        ("f1", metric.F1, "f1"),
        ("pearsonr", metric.PearsonCorrelation, "pearsonr"),
        ("loss", metric.Loss, "loss"),
        ("torch", metric.Torch, "torch"),
        ("caffe", metric.Caffe, "caffe"),
        ("composite", metric.CompositeEvalMetric, "composite"),
    ],
)
def test_create(name, kind, label):
    m = metric.create(name)
    assert type(m) is kind and m.name == label and metric.create(m) is m


def test_create_from_other_things():
    assert metric.create("top_k_accuracy", top_k=3).name == "top_k_accuracy_3"
    assert type(metric.create(share)) is metric.CustomMetric
    both = metric.create(["acc", metric.MAE()])
    assert [type(m) for m in both.metrics] == [metric.Accuracy, metric.MAE]
    with pytest.raises(AssertionError, match="Please use Accuracy if top_k is no more than 1"):
        metric.create("top_k_accuracy")
    with pytest.raises(
        AssertionError, match="foo is not registered. Please register with metric.register first"
    ):
        metric.create("foo")


def test_composite():
    m = metric.CompositeEvalMetric(["acc", "ce"])
    m.add("mae")
    m.metrics.pop()
    m.update(LABELS, SCORES)
    assert m.get() == (["accuracy", "cross-entropy"], [0.75, pytest.approx(0.74694103)])
    assert m.get_name_value()[0] == ("accuracy", 0.75)
    m.reset_local()
    assert math.isnan(m.get()[1][0]) and m.get_global()[1][0] == 0.75
    m.reset()
    assert math.isnan(m.get_global()[1][0])
    assert m.get_metric(0) is m.metrics[0]
    with pytest.raises(ValueError, match="Metric index 5 is out of range 0 and 2"):
        m.get_metric(5)
    names = metric.CompositeEvalMetric(["acc"], label_names=["y"], output_names=["p"])
    names.update_dict({"y": LABELS[0], "z": None}, {"q": None, "p": SCORES[0]})
    assert names.get()[1] == [0.75]


def test_update_dict():
    m = metric.Accuracy(output_names=["p"], label_names=["y"])
    m.update_dict({"z": None, "y": LABELS[0]}, {"p": SCORES[0], "q": None})
    assert m.get()[1] == 0.75
    m = metric.Accuracy()
    m.update_dict({"y": LABELS[0]}, {"p": SCORES[0]})
    assert m.get()[1] == 0.75


def test_configs_make_the_same_metric():
    for m in (
        metric.Accuracy(axis=2, name="a", label_names=["y"]),
        metric.TopKAccuracy(3),
        metric.CrossEntropy(eps=1e-3),
        metric.Perplexity(0, axis=1),
        metric.F1(average="micro"),
        metric.PearsonCorrelation(average="micro"),
    ):
        again = metric.create(m.get_config())
        assert type(again) is type(m) and again.get_config() == m.get_config() and again.name == m.name
    both = metric.CompositeEvalMetric(["acc", "mae"])
    assert [type(m) for m in metric.create(both.get_config()).metrics] == [metric.Accuracy, metric.MAE]
    with pytest.raises(NotImplementedError, match="CustomMetric cannot be serialized"):
        metric.create(share).get_config()


def test_custom():
    assert metric.CustomMetric(lambda label, pred: (3.0, 2), name="c").name == "c"
    m = metric.CustomMetric(lambda label, pred: (3.0, 2), name="c")
    m.update(LABELS, SCORES)
    assert m.get() == ("c", 1.5)
    with pytest.raises(ValueError):
        m.update(LABELS, SCORES * 2)
    m = metric.CustomMetric(share, allow_extra_outputs=True)
    m.update(LABELS, SCORES * 2)
    assert m.get()[1] == 0.75


def test_own_subclasses():
    @metric.register
    class Count(metric.EvalMetric):
        def __init__(self, name="count"):
            super().__init__(name)

        def update(self, labels, preds):
            self.sum_metric += len(preds)
            self.num_inst += 1

    try:
        m = metric.create("count")
        m.update(LABELS, SCORES)
        m.reset_local()
        m.update(LABELS, SCORES * 3)
        assert m.get() == m.get_global() == ("count", 3.0)
    finally:
        from minpy import registry

        del registry._REGISTRY[metric.EvalMetric]["count"]


@pytest.mark.parametrize(
    "labels, preds, shapes", [(LABELS, SCORES * 2, (1, 2)), (LABELS, [nd.ones((3, 3))], (4, 3))]
)
def test_mismatches(labels, preds, shapes):
    message = "Shape of labels {} does not match shape of predictions {}".format(*shapes)
    with pytest.raises(ValueError, match=message):
        metric.Accuracy().update(labels, preds)


def test_check_label_shapes():
    array = nd.ones((2, 3))
    assert metric.check_label_shapes([array], [array]) == ([array], [array])
    labels, preds = metric.check_label_shapes(array, array, wrap=True)
    assert labels[0] is array and preds[0] is array
    with pytest.raises(
        ValueError, match=r"Shape of labels \(2, 3\) does not match shape of predictions \(2, 2\)"
    ):
        metric.check_label_shapes(array, nd.ones((2, 2)), shape=True)
    with pytest.raises(ValueError, match="F1 currently only supports binary classification."):
        metric.F1().update(LABELS, SCORES)


def test_arrays_without_lists_and_numpy_arrays():
    m = metric.Accuracy()
    m.update(LABELS[0], SCORES[0])
    m.update(LABELS[0].asnumpy(), SCORES[0].asnumpy())
    assert m.get() == ("accuracy", 0.75) and m.num_inst == 8
    loss = metric.Loss()
    loss.update(0, nd.array([1.0, 3.0]))
    assert loss.get()[1] == 2.0


def test_sequence_labels():
    m = metric.Perplexity(None)
    m.update([nd.array([[0, 1], [1, 0]])], [nd.array([[[0.5, 0.5]] * 2] * 2)])
    assert m.get()[1] == pytest.approx(2) and m.num_inst == 4
    with pytest.raises(AssertionError, match="shape mismatch"):
        m.update([nd.array([0])], [nd.ones((2, 2))])


def test_pickle():
    m = metric.Accuracy()
    m.update(LABELS, SCORES)
    assert pickle.loads(pickle.dumps(m)).get() == m.get()
    assert metric.Accuracy.__module__ == "minpy.metric"
    assert "output_names" in metric.Accuracy.__doc__ and "axis : int" in metric.Accuracy.__doc__
