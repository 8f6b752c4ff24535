"""One sample per entry of the list of differentiable functions: name -> (function of a namespace and arrays, inputs).

Inputs are letters, one per array (see `derivatives.make_input`):  v m t vectors, matrices and 3-d arrays of distinct numbers
of both signs; capitals V M are positive; u is in (-1, 1); s a well-conditioned square matrix; S a symmetric
positive definite one; n has NaNs; z c complex vector and matrix; k a complex square matrix; o above 1.
"""

import numpy

CASES = {}


def case(name, function, inputs):
    """Adds an entry; a function given as text is called on the inputs as they are."""
    if isinstance(function, str):
        CASES[name] = (lambda np, *xs: lookup(np, function)(*xs)), inputs
    else:
        CASES[name] = function, inputs


def lookup(namespace, dotted):
    for part in dotted.split("."):
        namespace = getattr(namespace, part)
    return namespace


def table(inputs, names):
    for name in names.split():
        case(name, name, inputs)


# --- Elementwise ---
table("v", "fabs negative positive exp exp2 expm1 cbrt sin cos tan arctan atan sinh cosh tanh arcsinh asinh")
table("v", "deg2rad rad2deg degrees radians sinc i0 sign floor ceil trunc rint fix frexp modf real_if_close")
table("v", "round around nan_to_num")
table("z", "abs absolute square reciprocal real imag conj conjugate angle")
table("V", "log log2 log10 log1p sqrt")
table("u", "arcsin asin arccos acos arctanh atanh")
table("o", "arccosh acosh")
table("mv", "add subtract multiply maximum minimum fmax fmin copysign heaviside hypot logaddexp logaddexp2")
table("mv", "arctan2 atan2")
table("mV", "divide true_divide mod remainder fmod floor_divide divmod nextafter")
table("MV", "power pow float_power")
case("ldexp", lambda np, x: np.ldexp(x, numpy.array([1, -2, 3, 0])), "v")
case("clip", lambda np, x: (np.clip(x, -0.5, 0.9), np.clip(x, None, 0.2), x.clip(-0.3)), "m")
case("where", lambda np, x, y: np.where(x > 0.1, x * y, y), "mv")

# --- Reductions ---
for name in [
    "sum",
    "prod",
    "mean",
    "std",
    "var",
    "max",
    "min",
    "ptp",
    "median",
    "nansum",
    "nanprod",
    "nanmean",
    "nanstd",
    "nanvar",
    "nanmax",
    "nanmin",
    "nanmedian",
]:
    letter = "n" if name.startswith("nan") else "t"
    case(name, lambda np, x, name=name: getattr(np, name)(x, axis=1), letter)
    case(f"{name}[all]", name, letter)
case("amax", lambda np, x: np.amax(x, axis=0), "m")
case("amin", lambda np, x: np.amin(x, axis=0), "m")
case("average", lambda np, x, w: np.average(x, axis=1, weights=w), "mV")
case("average[all]", lambda np, x, w: np.average(x, weights=w), "MM")
case("cumsum", lambda np, x: (np.cumsum(x), np.cumsum(x, axis=1), x.cumsum(0)), "m")
case("cumprod", lambda np, x: (np.cumprod(x), np.cumprod(x, axis=1), x.cumprod(0)), "m")
case("nancumsum", lambda np, x: np.nancumsum(x, axis=1), "n")
case("nancumprod", lambda np, x: np.nancumprod(x, axis=1), "n")
case("cumulative_sum", lambda np, x: np.cumulative_sum(x, axis=1, include_initial=True), "m")
case("cumulative_prod", lambda np, x: np.cumulative_prod(x, axis=1, include_initial=True), "m")
case("logaddexp.reduce", lambda np, x: np.logaddexp.reduce(x, axis=1), "m")
case("add.reduce", lambda np, x: np.add.reduce(x, axis=1), "m")
case("multiply.accumulate", lambda np, x: np.multiply.accumulate(x, axis=1), "m")
case("add.outer", lambda np, x, y: np.add.outer(x, y), "vv")
case("maximum.reduce", lambda np, x: np.maximum.reduce(x, axis=1), "m")
case("add.reduceat", lambda np, x: np.add.reduceat(x, [0, 2, 1, 3], axis=1), "m")


def add_at(np, x, y):
    a = x * 2.0
    np.add.at(a, numpy.array([0, 2, 0]), y[:3])
    return a


case("add.at", add_at, "vv")
for name in ("percentile", "quantile", "nanpercentile", "nanquantile"):
    scale = 100.0 if "percent" in name else 1.0
    case(
        name,
        lambda np, x, name=name, scale=scale: getattr(np, name)(x, [0.3 * scale, 0.77 * scale], axis=1),
        "n" if name.startswith("nan") else "m",
    )

# --- Differences, statistics, signals ---
case("diff", lambda np, x: (np.diff(x, n=2, axis=1), np.diff(x, axis=0)), "m")
case("ediff1d", lambda np, x, y: np.ediff1d(x, to_begin=y[:2], to_end=3.0), "mv")
case(
    "gradient", lambda np, x: [*np.gradient(x, 0.5), np.gradient(x, numpy.array([0, 1, 3, 4.5]), axis=1)], "m"
)
case("trapezoid", lambda np, y, x: (np.trapezoid(y, x, axis=1), np.trapezoid(y, dx=0.5, axis=0)), "mv")
case("interp", lambda np, x, y: np.interp(x, numpy.array([-0.4, 0.1, 0.5, 1.2]), y), "mv")
case(
    "convolve",
    lambda np, x, y: (np.convolve(x, y[:3]), np.convolve(x, y[:3], "same"), np.convolve(x[:2], y, "valid")),
    "vv",
)
case(
    "correlate",
    lambda np, x, y: (np.correlate(x, y[:3]), np.correlate(x, y[:3], "full"), np.correlate(x[:2], y, "same")),
    "vv",
)
case("cov", lambda np, x, y: (np.cov(x), np.cov(x, y, ddof=0), np.cov(y)), "mv")
case("corrcoef", lambda np, x: np.corrcoef(x), "m")
case(
    "histogram[weights]", lambda np, w: np.histogram(numpy.array([0.1, 0.5, 0.9, 0.6]), 3, weights=w)[0], "v"
)
case("bincount[weights]", lambda np, w: np.bincount(numpy.array([0, 2, 1, 2]), weights=w), "v")
case("unwrap", lambda np, x: np.unwrap(x * 7.0), "v")

# --- Shapes and arrangement ---
case("reshape", lambda np, x: (np.reshape(x, (4, 3)), x.reshape(2, -1, order="F")), "m")
case("ravel", lambda np, x: (np.ravel(x), x.T.ravel(), x.flatten("F")), "m")
case("transpose", lambda np, x: (np.transpose(x, (2, 0, 1)), x.T), "t")
case("permute_dims", lambda np, x: np.permute_dims(x, (2, 0, 1)), "t")
table(
    "m", "matrix_transpose squeeze atleast_1d atleast_2d atleast_3d flipud fliplr broadcast_arrays copy array"
)
table("m", "asarray ascontiguousarray")
case("swapaxes", lambda np, x: np.swapaxes(x, 0, 2), "t")
case("moveaxis", lambda np, x: np.moveaxis(x, 0, -1), "t")
case("rollaxis", lambda np, x: np.rollaxis(x, 2), "t")
case("expand_dims", lambda np, x: np.expand_dims(x, (0, 2)), "m")
case("broadcast_to", lambda np, x: np.broadcast_to(x, (3, 4)), "v")
case("rot90", lambda np, x: (np.rot90(x), np.rot90(x, 2), np.rot90(x, 3)), "m")
case("flip", lambda np, x: (np.flip(x), np.flip(x, 1)), "m")
case("roll", lambda np, x: (np.roll(x, 5), np.roll(x, (1, -1), (0, 1))), "m")
case("tile", lambda np, x: np.tile(x, (2, 1, 2)), "m")
case("repeat", lambda np, x: (np.repeat(x, 2), np.repeat(x, [1, 0, 3], axis=0)), "m")
case("concatenate", lambda np, x, y: (np.concatenate([x, y]), np.concatenate((x, y), axis=None)), "mm")
case("concat", lambda np, x, y: np.concat([x, y], axis=1), "mm")
for name in [
    "stack",
    "vstack",
    "hstack",
    "dstack",
    "column_stack",
    *["row_stack"] * hasattr(numpy, "row_stack"),
]:
    case(name, lambda np, x, y, name=name: getattr(np, name)([x, y]), "mm")
case("block", lambda np, x, y: np.block([[x, y], [y, x]]), "mm")
case("append", lambda np, x, y: (np.append(x, y), np.append(x, x[:1], axis=0)), "mv")
case("insert", lambda np, x, y: (np.insert(x, [1, 2], y[:3, None], axis=1), np.insert(x, 1, 5.0)), "mv")
case("delete", lambda np, x: (np.delete(x, 1, axis=1), np.delete(x, [0, 5])), "m")
case("split", lambda np, x: np.split(x, 2, axis=1), "m")
case("array_split", lambda np, x: np.array_split(x, 3, axis=1), "m")
case("hsplit", lambda np, x: np.hsplit(x, [1, 3]), "m")
case("vsplit", lambda np, x: np.vsplit(x, 3), "m")
case("dsplit", lambda np, x: np.dsplit(x, [1]), "t")
case("unstack", lambda np, x: np.unstack(x, axis=1), "m")
case("pad[constant]", lambda np, x: np.pad(x, ((1, 0), (2, 1)), constant_values=1.5), "m")
for mode in ("edge", "reflect", "wrap"):
    case(f"pad[{mode}]", lambda np, x, mode=mode: np.pad(x, ((1, 2), (2, 1)), mode), "m")
case("trim_zeros", lambda np, x: np.trim_zeros(np.concatenate([np.zeros(2), x, np.zeros(1)])), "v")
case("resize", lambda np, x: (np.resize(x, (3, 5)), np.resize(x, (2, 3))), "m")
case("diag", lambda np, x, y: (np.diag(x, 1), np.diag(y, -1)), "mv")
case("diagflat", lambda np, x: np.diagflat(x, 1), "m")
case("diagonal", lambda np, x: np.diagonal(x, 0, 0, 2), "t")
case("trace", lambda np, x: (np.trace(x), x.trace(1, 0, 2)), "t")
case("tril", lambda np, x: np.tril(x, -1), "m")
case("triu", lambda np, x: np.triu(x, 1), "t")
case("vander", lambda np, x: (np.vander(x), np.vander(x, 3, increasing=True)), "v")
case("array[list]", lambda np, x: np.array([[x[0], x[1] * x[2]], [1.0, x[3]]]), "v")
case("full", lambda np, x: np.full((2, 4), x), "v")
case("linspace", lambda np, x, y: (np.linspace(x, y, 5), np.linspace(x[0], 3.0, 4, endpoint=False)), "vv")
case("logspace", lambda np, x, y: np.logspace(x, y, 4, base=2.0), "vv")
case("geomspace", lambda np, x, y: np.geomspace(x, y, 4), "VV")
case("meshgrid", lambda np, x, y: (*np.meshgrid(x, y), *np.meshgrid(x, y, indexing="ij", sparse=True)), "vv")
case("r_", lambda np, x, y: (np.r_[x, 1.0, y[:2]], np.r_["0,2", x, y]), "vv")
case("c_", lambda np, x, y: np.c_[x, y], "vv")
case("astype", lambda np, x: (x.astype(numpy.complex128) * 1j, x.astype("float64")), "m")

# --- Indexing and writing ---
case("getitem[slice]", lambda np, x: x[1:, ::-2], "m")
case("getitem[int]", lambda np, x: (x[1], x[-1, 2]), "m")
case("getitem[newaxis]", lambda np, x: x[:, None, ..., 1:3], "m")
case("getitem[fancy]", lambda np, x: (x[[0, 2, 0]], x[[[0], [2]], [1, 1]], x[:, [3, 0, 3]]), "m")
case("getitem[mask]", lambda np, x: (x[x > 0.2], x[numpy.array([True, False, True])]), "m")


def setitem(np, x, y):
    a = x * 1.0
    a[1, ::2] = y[:2]
    a[[0, 2], [1, 1]] = y[2:] * a[0, 0]
    a[a > 1.0] = y[0]
    a[2] = 7.0
    return a


def inplace_iadd(np, x, y):
    a = x * y
    b = a[1]
    a += y
    b *= a[0]
    a[0] -= b * x[1]
    return a


def filled(name, *rest):
    def function(np, x, *values):
        a = x * x
        getattr(np, name)(a, *rest, *values)
        return a

    return function


case("setitem", setitem, "mv")
case("inplace_iadd", inplace_iadd, "mv")
case("take", lambda np, x: (np.take(x, [0, 5, 0]), np.take(x, [[3, 0]], axis=1)), "m")
case(
    "take_along_axis",
    lambda np, x: np.take_along_axis(x, numpy.argsort(numpy.arange(12.0).reshape(3, 4) % 5, axis=1), 1),
    "m",
)
case("choose", lambda np, x, y: np.choose(numpy.array([0, 1, 1, 0]), [x, y]), "mv")
case("select", lambda np, x, y: np.select([x > 0.5, x < -0.2], [x * 2.0, y], 1.0), "mv")
case("compress", lambda np, x: np.compress([True, False, True, True], x, axis=1), "m")
case("extract", lambda np, x: np.extract(numpy.arange(12).reshape(3, 4) % 3 == 1, x), "m")
case("piecewise", lambda np, x: np.piecewise(x, [x < 0, x > 0.7], [lambda v: v * v, np.exp, 2.0]), "m")
case(
    "put_along_axis",
    lambda np, x, y: filled("put_along_axis", numpy.array([[1], [0], [3]]), y[:3, None], 1)(np, x),
    "mv",
)
case("place", lambda np, x, y: filled("place", numpy.arange(12).reshape(3, 4) % 2 == 0, y)(np, x), "mv")
case("fill_diagonal", lambda np, x, y: filled("fill_diagonal", y)(np, x), "mv")
case("sort", lambda np, x: (np.sort(x, axis=0), np.sort(x, axis=None)), "m")
case("partition", lambda np, x: np.partition(x, 1, axis=1)[:, :2].sum(axis=1), "m")
case("msort_lexsort", lambda np, x: (np.sort(x, axis=0), x[np.lexsort((x[:, 0], x[:, 1]))]), "m")
case("argsort_gather", lambda np, x: np.take_along_axis(x, np.argsort(x, axis=1), axis=1), "m")

# --- Products ---
case("dot", lambda np, x, y: (np.dot(x, y), np.dot(y, y), y.dot(2.0)), "mv")
case("matmul", lambda np, x, y: (np.matmul(x, np.swapaxes(x, 1, 2)), np.matmul(x, y)), "tv")
case("inner", lambda np, x, y: (np.inner(x, y), np.inner(x, x), np.inner(y, y)), "mv")
case("outer", lambda np, x, y: np.outer(x, y), "mv")
case("kron", lambda np, x, y: (np.kron(x, y), np.kron(y, x[:2])), "mv")
case("vdot", lambda np, x, y: np.vdot(x, y[0] * x + 1.0), "cc")
case("vecdot", lambda np, x, y: (np.vecdot(x, y), np.vecdot(x, x, axis=0)), "cz")
case("tensordot", lambda np, x, y: (np.tensordot(x, y, 1), np.tensordot(x, x, ([0, 1], [0, 1]))), "tv")
case(
    "einsum",
    lambda np, x, y: (np.einsum("ij,j->i", x, y), np.einsum("ij,kj", x, x), np.einsum("i,i", y, y)),
    "mv",
)
case(
    "einsum[batch]",
    lambda np, x, y: (
        np.einsum("bij,bkj->bik", x, x),
        np.einsum("...j,j", x, y),
        np.einsum("bii->b", np.matmul(x, x.mT)),
    ),
    "tv",
)
case("cross", lambda np, x, y: (np.cross(x[:, :3], x[:, 1:]), np.cross(x[:, :3], y[:3])), "mv")
case("matvec", lambda np, x, y: np.matvec(x, y), "tz")
case("vecmat", lambda np, x, y: np.vecmat(y, x), "kq")
case("operator @", lambda np, x, y: (x @ y, x @ x.T, y @ y), "mv")
case(
    "apply_along_axis",
    lambda np, x: (
        np.apply_along_axis(lambda v: v[0] * v[1:], 0, x),
        np.apply_along_axis(lambda v: (v * v).sum(), 1, x),
    ),
    "m",
)
case("apply_over_axes", lambda np, x: np.apply_over_axes(np.sum, x * x, [0, 2]), "t")
case(
    "vectorize",
    lambda np, x, y: (
        np.vectorize(lambda a, b: a * b if a > 0 else a)(x, y),
        np.vectorize(lambda v: v @ v, signature="(n)->()")(x),
    ),
    "mv",
)

# --- Polynomials ---
case("polyval", lambda np, p, x: np.polyval(p, x), "vm")
case("polyadd", lambda np, p, q: np.polyadd(p, q[:3]), "vv")
case("polymul", lambda np, p, q: np.polymul(p, q[:3]), "vv")
case("polyder", lambda np, p: (np.polyder(p), np.polyder(p, 2)), "v")
case("polyint", lambda np, p: (np.polyint(p), np.polyint(p, 2, k=[1.0, 2.0])), "v")
case("polyfit", lambda np, y, x: (np.polyfit(numpy.array([0.0, 1, 2.5, 4]), y, 2), np.polyfit(x, y, 1)), "vV")
case("roots", lambda np, p: np.sum(np.roots(p) ** 3), "v")
case("poly", lambda np, x: np.poly(x), "v")

# --- Linear algebra ---
table("s", "linalg.inv linalg.det linalg.slogdet linalg.svdvals linalg.tensorinv")
CASES["linalg.tensorinv"] = (lambda np, x: np.linalg.tensorinv(np.reshape(x, (4, 2, 2)), 1)), "4"
table("m", "linalg.trace linalg.diagonal")
case("linalg.pinv", lambda np, x: (np.linalg.pinv(x), np.linalg.pinv(x.T)), "m")
case("linalg.solve", lambda np, x, y: (np.linalg.solve(x, y[:3]), np.linalg.solve(x, x + 1.0)), "sv")
case(
    "linalg.cholesky",
    lambda np, x: (np.linalg.cholesky(x @ x.T), np.linalg.cholesky(x @ x.T, upper=True)),
    "s",
)
case("linalg.eigh", lambda np, x: np.linalg.eigh(x + x.T)[0], "s")
case("linalg.eigh[vec]", lambda np, x: abs(np.linalg.eigh(x + np.conj(x.T))[1]) ** 2, "k")
case("linalg.eigvalsh", lambda np, x: (np.linalg.eigvalsh(x + x.T), np.linalg.eigvalsh(x, "U")), "s")
case("linalg.eig", lambda np, x: (lambda r: (r[0], abs(r[1]) ** 2))(np.linalg.eig(x)), "k")
case("linalg.eigvals", lambda np, x: np.linalg.eigvals(x), "s")
case("linalg.svd", lambda np, x: (np.linalg.svd(x, compute_uv=False), np.linalg.svd(x)[1]), "m")


def svd_uv(np, x):
    u, s, v = np.linalg.svd(x, full_matrices=False)
    return abs(u) ** 2, s, abs(v) ** 2, (u * s) @ v


case("linalg.svd[uv]", svd_uv, "c")
case("linalg.qr", lambda np, x: (*np.linalg.qr(x), *np.linalg.qr(x.T), np.linalg.qr(x, mode="r")), "s")
case(
    "linalg.norm",
    lambda np, x: (
        np.linalg.norm(x),
        np.linalg.norm(x, axis=0),
        np.linalg.norm(x[0], 3),
        np.linalg.norm(x, 2),
    ),
    "m",
)
case(
    "linalg.norm[axis,ord1]",
    lambda np, x: (
        np.linalg.norm(x, 1, axis=1),
        np.linalg.norm(x, 1),
        np.linalg.norm(x, numpy.inf, axis=(0, 1)),
    ),
    "c",
)
case("linalg.norm[nuc]", lambda np, x: np.linalg.norm(x, "nuc"), "m")
case(
    "linalg.vector_norm",
    lambda np, x: (np.linalg.vector_norm(x), np.linalg.vector_norm(x, axis=1, ord=3)),
    "m",
)
case("linalg.matrix_norm", lambda np, x: (np.linalg.matrix_norm(x), np.linalg.matrix_norm(x, ord="nuc")), "t")
case("linalg.cond", lambda np, x: (np.linalg.cond(x), np.linalg.cond(x, "fro")), "s")
case("linalg.matrix_power", lambda np, x: tuple(np.linalg.matrix_power(x, n) for n in (3, 0, -2)), "s")
case("linalg.multi_dot", lambda np, x, y: np.linalg.multi_dot([x.T, x, y]), "mv")
case("linalg.lstsq", lambda np, x, y: np.linalg.lstsq(x.T, y, rcond=None)[:2], "mv")
case("linalg.tensorsolve", lambda np, x, y: np.linalg.tensorsolve(np.reshape(x, (4, 2, 2)), y), "4v")
case("linalg.outer", lambda np, x, y: np.linalg.outer(x, y), "vv")

# --- Fourier transforms ---
table("z", "fft.fft fft.ifft fft.fftshift fft.ifftshift")
table("c", "fft.fft2 fft.ifft2 fft.fftn fft.ifftn")
table("v", "fft.rfft fft.ihfft")
table("m", "fft.rfft2 fft.rfftn")
table("z", "fft.irfft fft.hfft")
table("c", "fft.irfft2 fft.irfftn")
