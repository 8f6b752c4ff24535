"""Losses: the values of MXNet 1.9.1 for the same draws."""

import numpy
import pytest

from minpy import gluon, nd

rng = numpy.random.RandomState(0)
P = nd.array(rng.normal(size=(4, 5)))
L = nd.array([0, 1, 2, 4])
Y = nd.array(rng.normal(size=(4, 5)))
S = nd.array(numpy.sign(rng.normal(size=(4, 5))))
W = nd.array([[1], [2], [0.5], [0]])
loss = gluon.loss
CASES = {
    "L2": (lambda: loss.L2Loss()(P, Y), [2.7774558, 0.4844172, 0.8924047, 0.2877220]),
    "L1": (lambda: loss.L1Loss()(P, Y, W), [1.6140121, 1.6448011, 0.5630085, 0.0]),
    "softmax": (lambda: loss.SoftmaxCrossEntropyLoss()(P, L, W), [1.4887789, 1.7590423, 0.7838459, 0.0]),
    "softmax dense": (
        lambda: loss.SoftmaxCELoss(sparse_label=False)(P, Y),
        [2.4227374, 0.6348352, -5.7500701, 2.2750845],
    ),
    "sigmoid": (lambda: loss.SigmoidBCELoss()(P, S > 0), [1.2490770, 0.7860746, 0.7634788, 0.5520322]),
    "sigmoid, weighted": (
        lambda: loss.SigmoidBCELoss()(P, S > 0, None, nd.array([2.0] * 5)),
        [1.2692926, 0.9404119, 0.8054612, 0.8607598],
    ),
    "from sigmoid, weighted": (
        lambda: loss.SigmoidBCELoss(from_sigmoid=True)(nd.sigmoid(P), S > 0, None, nd.array([2.0] * 5)),
        [1.2692927, 0.9404119, 0.8054612, 0.8607596],
    ),
    "KL": (
        lambda: loss.KLDivLoss(from_logits=False)(P, nd.softmax(Y)),
        [0.7387033, 0.4241177, 0.1774492, 0.2767518],
    ),
    "Huber": (lambda: loss.HuberLoss(rho=0.5)(P, Y), [1.4078341, 0.6155969, 0.9238600, 0.4021508]),
    "hinge": (lambda: loss.HingeLoss()(P, S), [1.8021011, 1.0863094, 1.0941240, 0.6660911]),
    "squared hinge": (lambda: loss.SquaredHingeLoss()(P, S), [4.3477440, 1.5845978, 1.5505970, 0.7283663]),
    "logistic": (lambda: loss.LogisticLoss()(P, S), [1.2490770, 0.7860746, 0.7634788, 0.5520322]),
    "logistic, binary": (
        lambda: loss.LogisticLoss(label_format="binary")(P, S > 0),
        [1.2490770, 0.7860746, 0.7634788, 0.5520322],
    ),
    "triplet": (lambda: loss.TripletLoss()(P, Y, S), [5.4960241, 0.0, 1.9646969, 0.0]),
    "Poisson": (lambda: loss.PoissonNLLLoss()(P, nd.abs(Y)), [1.8558336]),
    "Poisson, full": (
        lambda: loss.PoissonNLLLoss(from_logits=False, compute_full=True)(nd.abs(P), nd.abs(Y) * 3),
        [4.4586000],
    ),
    "cosine": (
        lambda: loss.CosineEmbeddingLoss(margin=0.1)(P, Y, nd.array([1, -1, 1, -1])),
        [[1.0627894], [0.4232651], [1.1303979], [0.4531151]],
    ),
    "SDML": (lambda: loss.SDMLLoss()(P, Y), [11.7071581, 0.7920078, 6.4011932, 2.2586327]),
}


@pytest.mark.parametrize("case", CASES)
def test_values(case):
    compute, expected = CASES[case]
    numpy.testing.assert_allclose(compute().asnumpy(), expected, rtol=1e-5, atol=3e-6)


def test_labels_out_of_range_are_refused():
    with pytest.raises(IndexError):
        loss.SoftmaxCELoss()(P, nd.array([0, 1, 2, 7]))


def test_ctc():
    rng = numpy.random.RandomState(0)
    rng.normal(size=(4, 5)), rng.normal(size=(4, 5)), rng.normal(size=(4, 5))
    scores = nd.array(rng.normal(size=(2, 6, 4)))
    found = loss.CTCLoss()(scores, nd.array([[0, 1, -1], [2, 1, 0]]))
    numpy.testing.assert_allclose(found.asnumpy(), [4.6864967, 4.8847885], rtol=1e-5)
