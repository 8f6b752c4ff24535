"""Probability densities of the distributions of `mx.random`, at samples, under arrays of parameters."""

import inspect
import math

import minpy.numpy as np
from minpy._operators.random_draws import with_signature
from minpy._operators.registry import operator
from minpy._operators.special import gammaln


def _log_uniform(sample, low, high):
    return -np.log(high - low) + 0 * sample


def _log_normal(sample, mu, sigma):
    return -0.5 * np.square((sample - mu) / sigma) - np.log(sigma) - 0.5 * math.log(2 * math.pi)


def _log_gamma(sample, alpha, beta):
    return alpha * np.log(beta) + (alpha - 1) * np.log(sample) - beta * sample - gammaln(alpha)


def _log_exponential(sample, lam):
    return np.log(lam) - lam * sample


def _log_poisson(sample, lam):
    return sample * np.log(lam) - gammaln(sample + 1) - lam


def _log_negative_binomial(sample, k, p):
    return gammaln(sample + k) - gammaln(sample + 1) - gammaln(k) + k * np.log(p) + sample * np.log(1 - p)


def _log_generalized(sample, mu, alpha):
    return _log_negative_binomial(sample, 1 / alpha, 1 / (mu * alpha + 1))


_DENSITIES = {
    "uniform": (_log_uniform, ("low", "high"), "Uniform"),
    "normal": (_log_normal, ("mu", "sigma"), "Normal"),
    "gamma": (_log_gamma, ("alpha", "beta"), "Gamma (`beta` is the rate)"),
    "exponential": (_log_exponential, ("lam",), "Exponential"),
    "poisson": (_log_poisson, ("lam",), "Poisson"),
    "negative_binomial": (_log_negative_binomial, ("k", "p"), "Negative binomial"),
    "generalized_negative_binomial": (_log_generalized, ("mu", "alpha"), "Generalized negative binomial"),
}
_DOC = """{title} densities at samples.

    Parameters
    ----------
    sample : ndarray
        Of the shape of the parameters, followed by any further axes.
    {names} : ndarray
        The parameters.
    is_log : bool
        Return logarithms.

    Returns
    -------
    ndarray
        Of the shape of `sample`.
    """


def _spread(parameter, sample):
    return np.reshape(parameter, np.shape(parameter) + (1,) * (np.ndim(sample) - np.ndim(parameter)))


def _declare(name, logarithm, names, title):
    def density(a):
        out = logarithm(a["sample"], *(_spread(a[key], a["sample"]) for key in names))
        return out if a["is_log"] else np.exp(out)

    parameters = {**dict.fromkeys(("sample", *names), inspect.Parameter.empty), "is_log": False}
    doc = _DOC.format(title=title, names=", ".join(names))
    function = with_signature(f"random_pdf_{name}", doc, parameters, density)
    operator(f"_random_pdf_{name}", f"random_pdf_{name}", inputs=1 + len(names), npx=False)(function)


for _name, _row in _DENSITIES.items():
    _declare(_name, *_row)


@operator("_random_pdf_dirichlet", "random_pdf_dirichlet", inputs=2, npx=False)
def random_pdf_dirichlet(sample, alpha, is_log=False):
    """Dirichlet densities at samples, which lie along the last axis.

    Parameters
    ----------
    sample : ndarray
        Of the shape of `alpha`, with any further axes before the last.
    alpha : ndarray
        The concentrations, along the last axis.
    is_log : bool
        Return logarithms.

    Returns
    -------
    ndarray
        Of the shape of `sample` without its last axis.
    """
    lead = np.shape(alpha)[:-1]
    alpha = np.reshape(alpha, (*lead, *(1,) * (np.ndim(sample) - np.ndim(alpha)), np.shape(alpha)[-1]))
    constant = gammaln(np.sum(alpha, axis=-1)) - np.sum(gammaln(alpha), axis=-1)
    out = np.sum((alpha - 1) * np.log(sample), axis=-1) + constant
    return out if is_log else np.exp(out)
