"""Write docs/coverage.md: where each public function of minpy.numpy runs, and whether it has a gradient.

    python docs/generate_coverage.py [--check]

A gradient counts when it agrees with finite differences at a sample of arguments, found by trying.
"""

import argparse
import collections
import importlib
import inspect
import pathlib
import sys
import warnings

import numpy

from minpy import _core
from minpy.core import grad

PATH = pathlib.Path(__file__).parent / "coverage.md"
MODULES = ("numpy", "numpy.linalg", "numpy.fft", "numpy.random")
# Functions that read or write files, change settings or state, or ask about the installation.
NOT_TRIED = frozenset(
    """save savez savez_compressed savetxt load loadtxt genfromtxt fromfile fromregex memmap info show_config
    show_runtime test seterr seterrcall setbufsize set_printoptions printoptions get_include seed set_state
    get_state set_bit_generator get_bit_generator bytes open_memmap default_rng errstate getbufsize asmatrix empty_like""".split()
)
TIERS = {
    "native": "a kernel or operator of minpy's",
    "borrowed": "minpy's operator with NumPy's inner loop",
    "composite": "Python over native functions",
    "NumPy": "NumPy, on the same memory",
}


def tier(value):
    """Where a function runs; None for what is not a function over arrays."""
    if type(value) is _core.ufunc:  # others are instances too: generalised ufunctions without loops of ours
        return "native" if value.own_types else "borrowed"
    if isinstance(value, _core.fallback_function):
        return "NumPy"
    if type(value).__name__ == "native_function":
        return "native"
    if inspect.isfunction(value) and value.__module__.startswith("minpy"):
        return "composite"
    return None


def samples():
    """Argument lists to try, in which the first array is the one to differentiate by."""
    rng = numpy.random.RandomState(1)
    vector = numpy.sort(rng.uniform(0.2, 0.8, 4))
    other = rng.uniform(1.2, 1.9, 4)
    matrix = rng.uniform(0.1, 0.3, (4, 4)) + numpy.diag([2.0, 3.0, 4.0, 5.0])  # regular, no two entries equal
    return [
        (vector,),
        (matrix,),
        (vector, other),
        (matrix, other),
        (matrix, matrix + 1),
        (vector, 0),
        (vector, 1),
        (matrix, 0),
        (matrix, 1),
        (matrix, 0, 1),
        (vector, 0.3, 0.7),
        (vector, (2, 2)),
        (vector, 2),
        (vector, [0, 2]),
        (vector, [0, 2], 0),
        (vector, numpy.array([True, False, True, True])),
        (vector, vector + 0.1, other),
        (vector[:3], other[:3]),
        (vector + 1,),
        ([vector, other],),
    ]


def _symmetric(x):
    """A positive definite matrix that depends on all of `x`."""
    x = x.reshape(-1, 1) if x.ndim < 2 else x
    return x @ x.T + numpy.eye(len(x))


SPECIAL_CALLS = {
    "where": lambda f, x: f(numpy.asarray(x) > 0.4, x, x * 2),
    "choose": lambda f, x: f(numpy.array([0, 1]), (x, x * 2)),
    "einsum": lambda f, x: f("ij,jk->ik", x, x),
    "select": lambda f, x: f([numpy.asarray(x) > 0.4], [x]),
    "cholesky": lambda f, x: f(_symmetric(x)),
    "eigh": lambda f, x: f(_symmetric(x))[0],
    "eigvalsh": lambda f, x: f(_symmetric(x)),
    "pinv": lambda f, x: f(x + numpy.eye(2)) if x.ndim == 2 else f(_symmetric(x)),
    "interp": lambda f, x: f(numpy.array([0.25, 0.5]), numpy.array([0.0, 1.0]), x[:2]),
    "tensordot": lambda f, x: f(x, x, 1),
}


def leaves(result):
    """The floating results of a call, through tuples and lists."""
    if isinstance(result, (tuple, list)):
        return [leaf for item in result for leaf in leaves(item)]
    kind = getattr(getattr(result, "dtype", None), "kind", "")
    return [result] if kind in "fc" else []


def scalar_of(function, arguments):
    """A function of the first array of `arguments`, whose value is a weighted sum of the results."""
    nested = isinstance(arguments[0], list)

    def value(x):
        first = [x, *arguments[0][1:]] if nested else x
        total = 0.0
        for leaf in leaves(function(first, *arguments[1:])):
            real = leaf.real if leaf.dtype.kind == "c" else leaf
            total = total + (real * numpy.cos(numpy.arange(real.size)).reshape(real.shape)).sum()
        return total

    return value, (arguments[0][0] if nested else arguments[0])


def differences(value, x):
    """The gradient of `value` at `x` by central differences."""
    result, step = numpy.zeros_like(x), 1e-6
    for position in numpy.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[position] += step
        down[position] -= step
        result[position] = (float(value(_core.from_numpy(up))) - float(value(_core.from_numpy(down)))) / (
            2 * step
        )
    return result


def try_gradient(function, arguments):
    """'yes', 'zero', 'wrong', 'no', or None when the arguments do not suit."""
    value, x = scalar_of(function, arguments)
    try:
        if not leaves(function(*arguments)):
            return None
        expected = differences(value, x)
    except Exception:
        return None
    if not numpy.isfinite(expected).all():
        return None
    try:
        found = numpy.asarray(grad(value)(_core.from_numpy(x.copy())))
    except Exception:
        return "no" if expected.any() else "zero"
    if not numpy.allclose(found, expected, rtol=1e-4, atol=1e-5 * max(1.0, numpy.abs(expected).max())):
        return "wrong"
    return "yes" if expected.any() else "zero"


def gradient(name, function):
    """The best outcome over the samples; '' when no sample gives real numbers."""
    if name in NOT_TRIED:
        return ""
    outcomes = []
    call = SPECIAL_CALLS.get(name)
    if call:
        outcomes.append(try_gradient(lambda x: call(function, x), (numpy.array([[0.3, 0.5], [0.1, 0.7]]),)))
        outcomes.append(try_gradient(lambda x: call(function, x), (numpy.array([0.3, 0.5]),)))
    else:
        most = getattr(function, "nin", 9)  # a ufunc's further argument is where it writes
        outcomes += [try_gradient(function, a) for a in samples() if len(a) <= most]
    for outcome in ("wrong", "yes", "no", "zero"):
        if outcome in outcomes:
            return outcome
    return ""


def rows(module_name):
    """(name, tier, gradient) of the functions of a module."""
    module = importlib.import_module(f"minpy.{module_name}")
    for name in sorted(dir(importlib.import_module(module_name))):
        value = getattr(module, name, None)
        where = None if name.startswith("_") else tier(value)
        if where:
            yield name, where, "" if module_name == "numpy.random" else gradient(name, value)


def table(module_name, found):
    lines = [f"## {module_name}", "", "| function | runs in | gradient |", "|---|---|---|"]
    lines += [f"| `{name}` | {where} | {has} |" for name, where, has in found]
    return lines


def checked_gradients():
    """A line about the functions whose derivatives the tests check one by one."""
    sys.path.insert(0, str(PATH.parent.parent / "tests" / "gradients"))
    from report_coverage import stage_counts

    (values, first, second), total = stage_counts()
    return (
        f"Of the {total} differentiable functions and forms of use in tests/gradients/function_table.py, {values} give "
        f"NumPy's value while recording, {first} also the right gradient, and {second} the right second derivative."
    )


def document():
    found = {module: list(rows(module)) for module in MODULES}
    lines = ["# Coverage", "", f"Generated by docs/generate_coverage.py with NumPy {numpy.__version__}."]
    lines += ["The names of MXNet are in [mxnet_coverage.md](mxnet_coverage.md).", ""]
    lines += [f"- **{name}**: {meaning}." for name, meaning in TIERS.items()]
    lines += [
        "- Gradient **yes**: agrees with finite differences; **zero**: the function is piecewise constant; **no**: "
        "backward raises; empty: no real results, or no sample of arguments fits.",
        "",
        checked_gradients(),
        "",
        "| module | functions | " + " | ".join(TIERS) + " | with gradient |",
        "|---|---|" + "---|" * (len(TIERS) + 1),
    ]
    for module, entries in found.items():
        count = collections.Counter(where for _, where, _ in entries)
        cells = [len(entries), *(count[name] for name in TIERS), sum(has == "yes" for *_, has in entries)]
        lines.append(f"| {module} | " + " | ".join(map(str, cells)) + " |")
    for module, entries in found.items():
        lines += ["", *table(module, entries)]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing, tell whether the file is up to date"
    )
    check = parser.parse_args().check
    with warnings.catch_warnings(), numpy.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        text = document()
    stale = not PATH.exists() or PATH.read_text() != text
    if stale and not check:
        PATH.write_text(text)
    print(f"{PATH} {'is out of date' if stale and check else 'is up to date'}")
    return int(check and stale)


if __name__ == "__main__":
    sys.exit(main())
