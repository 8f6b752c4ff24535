"""Keyword arguments, methods, shapes and dtypes beyond the plain calls of `function_table`.

Each entry is (function of a namespace and arrays, inputs) under a name of its own; letters as there.
"""

import numpy

VARIANTS = {}
MASK = numpy.arange(12).reshape(3, 4) % 5 != 1


def variant(name, function, inputs):
    assert name not in VARIANTS, name
    VARIANTS[name] = function, inputs


def variants(inputs, **functions):
    for name, function in functions.items():
        variant(name, function, inputs)


# --- Reductions ---

for _name in ("sum", "prod", "max", "min", "mean", "std", "var"):
    _initial = (
        {"initial": 0.7}
        if _name in ("sum", "prod", "max", "min")
        else {"ddof": 1}
        if _name in ("std", "var")
        else {}
    )

    def _reduction(np, x, name=_name, initial=_initial):
        f, method = getattr(np, name), getattr(x, name)
        keywords = dict(initial)
        return (
            f(x, axis=(0, 1), keepdims=True),
            f(x, axis=-1, where=MASK, **({"initial": 0.1} if name in ("max", "min") else {})),
            f(x, axis=0, **keywords),
            method(1),
            method(axis=0, keepdims=True),
            f(x, axis=()),
            f(x[0, 0]),
        )

    variant(f"{_name} keywords", _reduction, "m")

VARIANTS["std keywords"] = (
    lambda np, x: (
        np.std(x, axis=(0, 1), keepdims=True),
        np.std(x, axis=-1, where=MASK),
        np.std(x, axis=0, ddof=1),
        np.std(x, axis=0, correction=1),
        x.std(1),
        np.std(x, axis=0, mean=np.mean(x, axis=0, keepdims=True)),
    ),
    "m",
)
VARIANTS["var keywords"] = (
    lambda np, x: (
        np.var(x, axis=(0, 1), keepdims=True),
        np.var(x, axis=-1, where=MASK, ddof=1),
        x.var(0, ddof=1),
    ),
    "c",
)
variants(
    "m",
    sum_dtype=lambda np, x: (
        np.sum(x, dtype=complex),
        np.sum(x, 0, numpy.float32)[:0],
        np.mean(x, dtype=complex),
    ),
    sum_out=lambda np, x: np.sum(x, axis=0, out=np.zeros(4)) * 2.0,
    methods_out=lambda np, x: (x.std(0, None, np.zeros(4)) * 2.0, x.cumprod(1, None, np.zeros((3, 4))) * x),
    mean_out=lambda np, x: np.mean(x, 0, None, np.zeros(4)) * 2.0,
    cumsum_out=lambda np, x: np.cumsum(x, axis=1, out=np.zeros((3, 4))),
    nanmean_where=lambda np, x: np.nanmean(x, axis=1, where=MASK, keepdims=True),
    cumprod_zero=lambda np, x: np.cumprod(np.where(MASK, x, 0.0), axis=1),
    prod_zero=lambda np, x: np.prod(np.where(MASK, x, 0.0) + 0 * x, axis=1),
    quantile_methods=lambda np, x: tuple(
        np.quantile(x, [0.2, 0.63], axis=0, method=m)
        for m in ("linear", "lower", "higher", "midpoint", "hazen", "weibull")
    ),
    quantile_scalar=lambda np, x: (np.quantile(x, 0.37), np.percentile(x, 25.0, axis=1, keepdims=True)),
    quantile_keepdims=lambda np, x: np.quantile(x, [0.1, 0.9], axis=(0, 1), keepdims=True),
    median_even=lambda np, x: (
        np.median(x, axis=1),
        np.median(x, axis=(0, 1), keepdims=True),
        np.median(x, 0),
    ),
    average_returned=lambda np, x: np.average(x, axis=0, weights=[0.2, 0.5, 1.0], returned=True),
    average_axes=lambda np, x: np.average(
        x, axis=(1, 0), weights=numpy.arange(1.0, 13).reshape(4, 3), keepdims=True
    ),
    ptp_keepdims=lambda np, x: np.ptp(x, axis=0, keepdims=True),
    cumulative_plain=lambda np, x: (np.cumulative_sum(x, axis=0), np.cumulative_prod(x[0])),
    norms=lambda np, x: (
        np.linalg.norm(x, "fro", keepdims=True),
        np.linalg.norm(x, -2),
        np.linalg.norm(x, -1),
        np.linalg.norm(x, axis=(1, 0)),
        np.linalg.norm(x, numpy.inf, axis=1, keepdims=True),
        np.linalg.norm(x, 2.5, axis=0),
        np.linalg.norm(x * MASK, 3, axis=0),
    ),
)
variant("quantile by q", lambda np, x, q: np.quantile(x, (q + 2.0) / 4.0, axis=1), "mv")
variant(
    "norm complex",
    lambda np, x: (np.linalg.norm(x), np.linalg.norm(x, 1, axis=0), np.linalg.norm(x, 3, axis=1)),
    "c",
)
variant(
    "mean complex",
    lambda np, x: (np.mean(x, 0), np.cumprod(x, axis=1), np.prod(x, axis=0), np.sum(x, 1)),
    "c",
)
variant(
    "reduction 0-d", lambda np, x: (np.sum(x[1]), np.mean(x[1]), np.std(x), np.max(x[2]), x[0].sum()), "v"
)

# --- Ufuncs with keywords, and their methods ---


def out_and_where(np, x, y):
    a = x * 1.0
    b = np.add(x, y, out=a, where=MASK)
    c = np.multiply(a, y, out=np.zeros((3, 4)))
    d = np.exp(x, where=MASK, out=(y + np.zeros((3, 4))))
    return b, c, d, np.sqrt(x * x + 1, dtype=numpy.float64), np.add(x, [1.0, 2, 3, 4], casting="same_kind")


def reduce_methods(np, x):
    return (
        np.multiply.reduce(x, axis=1, keepdims=True),
        np.add.reduce(x, axis=None),
        np.subtract.reduce(x, axis=1),
        np.hypot.reduce(x, axis=0),
        np.fmax.reduce(x, axis=0, initial=0.2),
        np.add.reduce(x, where=MASK),
        np.logaddexp.reduce(x, axis=(0, 1)),
    )


def accumulate_methods(np, x):
    return (
        np.add.accumulate(x),
        np.maximum.accumulate(x, axis=1),
        np.subtract.accumulate(x, axis=0),
        np.multiply.reduceat(x, [0, 2], axis=1),
        np.maximum.reduceat(x, [1, 0], axis=0),
    )


def at_methods(np, x, y):
    a, b, c = x * 1.0, x * 2.0, x * 3.0
    np.multiply.at(a, ([0, 0, 2], [1, 1, 3]), y[:3])
    np.subtract.at(b, [1, 1], y)
    np.negative.at(c, (slice(None), [0, 2]))
    np.maximum.at(c, ([1, 2], [0, 1]), y[0])
    return a, b, c


variants("mv", out_and_where=out_and_where, at_methods=at_methods)
variants("m", reduce_methods=reduce_methods, accumulate_methods=accumulate_methods)
variant(
    "outer methods",
    lambda np, x, y: (np.multiply.outer(x, y), np.subtract.outer(2.0, y), np.maximum.outer(x, y + 0.01)),
    "mv",
)
variant(
    "numpy operands", lambda np, x: (numpy.arange(4.0) * x, numpy.float64(2.0) ** x, x - [1.0, 2, 3, 4]), "v"
)
variant(
    "numpy functions",
    lambda np, x: (numpy.mean(x, axis=0), numpy.exp(x), numpy.concatenate([x, x]), numpy.sort(x)),
    "m",
)
variant(
    "clip method", lambda np, x: (x.clip(-0.5, 1.1), np.clip(x, x[0] - 1, None), np.clip(x, max=0.4)), "m"
)

# --- Moving elements ---

variants(
    "m",
    sort_kinds=lambda np, x: (np.sort(x, kind="stable"), np.sort(x, 0), np.sort(x.T)),
    partition_axis=lambda np, x: np.partition(x, (1, 2), axis=0),
    unique=lambda np, x: (np.unique(x), np.unique(x, return_counts=True)[0], np.unique(x, axis=0)),
    set_operations=lambda np, x: (
        np.union1d(x[0], x[1]),
        np.setdiff1d(x, x[0]),
        np.intersect1d(x, x[0]),
        np.setxor1d(x[0], x[1]),
        np.union1d(x, 0.0),
    ),
    pad_more=lambda np, x: (
        np.pad(x, 1, "symmetric"),
        np.pad(x, ((2, 0), (1, 2)), "linear_ramp", end_values=0.5),
        np.pad(x, 2, "mean", stat_length=2),
        np.pad(x, 1, "maximum"),
        np.pad(x, 1, "minimum"),
        np.pad(x, 1, "median"),
        np.pad(x, 1, "reflect", reflect_type="odd"),
    ),
    getitem_more=lambda np, x: (
        x[[True, False, True], 1:],
        x[..., -1],
        x[1, [0, 2]][None],
        x[numpy.int64(1), ::-1],
    ),
    take_modes=lambda np, x: (x.take([0, 13, -2], mode="wrap"), np.take(x, [0, 9], axis=1, mode="clip")),
    repeat_method=lambda np, x: (x.repeat(2, axis=1), x.repeat(3)),
    compress_method=lambda np, x: (x.compress([1, 0, 1], axis=0), np.compress([0, 1, 1], x)),
    layouts=lambda np, x: (
        x.flatten("F"),
        x.ravel("F"),
        np.reshape(x, (2, 6), order="F"),
        x.copy("F"),
        x.T.copy(),
    ),
    methods=lambda np, x: (
        x.conj(),
        x.round(1) * x,
        x.diagonal(1),
        x.swapaxes(0, 1),
        x.squeeze(),
        x.mT,
        x.trace(),
    ),
    casts=lambda np, x: (
        np.asarray(x, dtype=complex) * 1j,
        np.array(x, dtype=float, ndmin=3),
        x.astype(float, copy=False),
    ),
    tiling=lambda np, x: (
        np.tile(x, 2),
        np.resize(x[0], 11),
        np.kron(x, [[1.0, 2.0]]),
        np.broadcast_to(x, (2, 3, 4)),
    ),
    full_like=lambda np, x: (np.full_like(x, x[0, 0]), np.full((2,), x[1, 1]), np.zeros_like(x) + x),
    copies=lambda np, x: (__import__("copy").copy(x), __import__("copy").deepcopy(x), np.copy(x, order="F")),
    triangle_offsets=lambda np, x: (
        np.tril(x, 1),
        np.triu(x, -1),
        np.diag(x),
        np.diag(x, -1),
        np.diagflat(x[0], -1),
    ),
    diff_edges=lambda np, x: (np.diff(x, prepend=0.5, append=x[:, :1]), np.diff(x, 0), np.ediff1d(x)),
    gradient_edges=lambda np, x: (
        np.gradient(x, 2.0, axis=1, edge_order=2),
        np.gradient(x, numpy.array([0, 0.4, 1.5]), axis=0, edge_order=2),
    ),
    views=lambda np, x: (
        np.lib.stride_tricks.sliding_window_view(x, 2, axis=1),
        np.broadcast_arrays(x, numpy.zeros((2, 1, 1))),
    ),
    emath=lambda np, x: (np.emath.sqrt(x), np.emath.log(x), np.emath.power(x, 2), np.emath.arccos(x)),
)
variant(
    "joins",
    lambda np, x, y: (
        np.stack([x, x], -1),
        np.vstack([x, y, [1.0, 2, 3, 4]]),
        np.hstack([y, y]),
        np.append(x, 1.5),
    ),
    "mv",
)
variant(
    "array of lists",
    lambda np, x, y: (np.array([x[0], y, [1, 2, 3, 4]]), np.asarray([y, y]), np.stack([y[0], y[1]])),
    "mv",
)
variant("r_ and c_", lambda np, x, y: (np.r_[0.0:1.0:3j, x[0], y], np.c_[x.T, y], np.r_[-1, x[:, 0]]), "mv")
variant(
    "insert forms",
    lambda np, x, y: (
        np.insert(x, 2, y, axis=0),
        np.insert(y, [0, 3], x[0, :2]),
        np.insert(y, slice(1, 3), 2.0),
    ),
    "mv",
)
variant("arange", lambda np, x: np.arange(x[0] * 0.1, x[0] * 0.1 + 2.2, 0.5), "v")
variant(
    "linspace more",
    lambda np, x, y: (
        *np.linspace(x, y, 3, retstep=True),
        np.linspace(0, x, 3, axis=-1),
        np.linspace(x[0], y[0], 1),
    ),
    "vv",
)
variant(
    "logspace base",
    lambda np, x: (np.logspace(0, 2, 3, base=x[0] + 3), np.logspace(x, 1.0, 3, endpoint=False)),
    "v",
)
variant("geomspace complex", lambda np, x: np.geomspace(x + 3, 2.0 * x + 9.0, 4), "z")
variant("select default", lambda np, x, y: np.select([MASK, x > 0], [y, x], x[0, 0]), "mv")
variant(
    "choose method",
    lambda np, x, y: (np.array([1, 0, 1, 0]).choose([x[0], y]), np.choose([4, 1, 0, 1], [x, y], mode="wrap")),
    "mv",
)
variant(
    "pad values",
    lambda np, x, y: np.pad(x, ((1, 2), (0, 1)), constant_values=((1.0, 2.0), (3.0, 4.0))) + y[0],
    "mv",
)
variant("set printed", lambda np, x: np.where(x > 0, x, 0 * x) if str(x) and repr(x) else x, "m")

# --- Writing ---


def writers(np, x, y):
    a, b, c, d, e = (x * 1.0 for _ in range(5))
    np.copyto(a, y, where=MASK)
    np.put(b, [0, 13, 13], y[:3], mode="wrap")
    b.put([5, 6], y[3])
    np.putmask(c, MASK, y)
    np.fill_diagonal(d.T, y[:2], wrap=True)
    e[1].fill(y[1] * 1.0)
    return a, b, c, d, e


def sorts_in_place(np, x):
    a, b, c = x * 1.0, x * 2.0, x * 3.0
    a.sort(axis=0)
    b[1].sort()
    c.partition(1, axis=1)
    return a, b, c.sum(axis=1)


def views_written(np, x, y):
    a = x * 1.0
    row, column, block = a[1], a[:, 2], a[1:, ::2]
    row += y
    column[...] = column * row[0]
    block[[0, 1], [1, 0]] = y[1:3]
    a.T[0] *= 2.0
    np.multiply(row, y, out=row)
    a[::-1][0, 1:3] = a[0, :2]
    return a, row * 1.0, block.sum()


def operators_in_place(np, x, y):
    a = x * 2.0 + 5.0
    a -= y
    a /= 2.0 + y * y
    a **= 2
    a[0] //= 1.0
    a %= 3.0
    a[:2] *= a[1:]
    return a


def flat_and_attributes(np, x, y):
    a = x * 1.0
    a.flat[3:6] = y[:3]
    b = np.zeros((2, 2))
    b.T.flat[1:3] = y[:2]
    a.real = a * 2.0
    return a, b, x.real * y, x.T.flatten() * 2.0, sum(v * v for v in x.T.flat)


variants("mv", writers=writers, views_written=views_written, operators_in_place=operators_in_place)
variants("mv", flat_and_attributes=flat_and_attributes)
variants("m", sorts_in_place=sorts_in_place)


def complex_parts(np, z, x):
    w = z * 1.0
    w.real[1] = x[0]
    w.imag += x
    w[2] = 3.0 * x[1]
    return w, w.real * w.imag, np.angle(w), abs(w)


variant("complex parts", complex_parts, "zv")

# --- Products ---

variant(
    "einsum forms",
    lambda np, x, y: (
        np.einsum("ijk->k", x),
        np.einsum("ijk,jk->", x, x[0]),
        np.einsum(x, [0, 1, 2], y, [2], [0, 1]),
        np.einsum("i...->...", x),
        np.einsum("...k,k->...", x, y, optimize=True),
        np.einsum("ij,jk,lk->il", x[0], x[0].T, x[1, :, :3]),
        np.einsum("ii->i", x[0, :, :3]),
        np.einsum("i,j->ij", y, y),
        np.einsum("ij,j->i", x[0], y, out=np.zeros(3)),
        np.einsum("ii", x[1, :, 1:]),
    ),
    "tv",
)
variant("einsum complex", lambda np, x, y: (np.einsum("ij,kj->ik", x, y.conj()), np.einsum("ij->", x)), "cc")
variant(
    "tensordot axes",
    lambda np, x: (
        np.tensordot(x, x, ([0, 2], [0, 2])),
        np.tensordot(x, x[0], ([1], [0])),
        np.tensordot(x[0], x[1], 0),
    ),
    "t",
)
variant(
    "cross forms", lambda np, x: (np.cross(x[:, :3].T, x[:, 1:].T, axis=0), np.cross(x[:, :3], x[0, 1:])), "m"
)
variant(
    "products complex",
    lambda np, x, y: (
        np.inner(x, y),
        np.kron(x[0], y[0]),
        np.outer(x[0], y[1]),
        np.tensordot(x, y.T, 1),
        np.vdot(x, y),
    ),
    "cc",
)
variant(
    "dot shapes",
    lambda np, x, y: (
        np.dot(x, y),
        np.dot(x, x[0].T),
        np.dot(x[0, 0], 3.0),
        np.inner(x, x[0]),
        np.matmul(x, x[0].T),
    ),
    "tv",
)
variant(
    "linalg products",
    lambda np, x, y: (
        np.linalg.matmul(x[0], x[1].T),
        np.linalg.tensordot(x, y, axes=1),
        np.linalg.vecdot(x, y),
        np.linalg.cross(x[..., :3], x[..., 1:]),
        np.linalg.multi_dot([y, x[0].T, x[1], y]),
        np.linalg.matrix_transpose(x),
        np.linalg.trace(x, offset=1),
        np.linalg.diagonal(x, offset=-1),
    ),
    "tv",
)
variant(
    "convolve complex",
    lambda np, x, y: (
        np.convolve(x, y[:3]),
        np.correlate(x, y),
        np.correlate(x[:3], y, "same"),
        np.correlate(x, y[:2], "full"),
    ),
    "zz",
)
variant(
    "correlate same",
    lambda np, x, y: (
        np.correlate(x, y[0, :3], "same"),
        np.correlate(y[0, :3], x, "same"),
        np.correlate(x[:3], y[0], "valid"),
        np.correlate(x, y[1, :2], "same"),
    ),
    "vm",
)
variant(
    "interp forms",
    lambda np, x, y: (
        np.interp(x * 0.7, [-1.0, 0.1, 0.9], y[0, :3]),
        np.interp(x, numpy.array([-0.5, 0.2]), y[0, :2], left=y[1, 0], right=2.0),
        np.interp(x, [-0.3, 0.4, 1.2], y[0, :3], period=2.0),
        np.interp(0.33, x.sum() * 0.1 + numpy.array([0.0, 1.0]), y[1, :2]),
    ),
    "vm",
)
variant(
    "cov weights",
    lambda np, x: (
        np.cov(x, rowvar=False),
        np.cov(x, aweights=[1.0, 2, 0.5, 1]),
        np.cov(x, fweights=[1, 2, 1, 3], bias=True),
        np.corrcoef(x, rowvar=False),
    ),
    "m",
)
variant(
    "cov complex",
    lambda np, x: (np.cov(x), np.corrcoef(x), np.trapezoid(x, dx=0.3), np.diff(x), np.unwrap(np.angle(x))),
    "c",
)
variant("cov by weights", lambda np, x, w: np.cov(x, aweights=w), "mV")
variant(
    "histogram forms",
    lambda np, w: (
        np.histogram([0.1, 0.5, 0.9, 0.6], [0, 0.3, 0.55, 1.0], weights=w, density=True)[0],
        np.histogram2d([0.1, 0.5, 0.9, 0.6], [1.0, 2, 3, 1], 2, weights=w)[0],
        np.histogram(w, 3)[1],
        np.histogram_bin_edges(w, 2),
        np.histogramdd((w, w * w), 2)[1],
        np.bincount([0, 1, 1, 5], w, 8),
    ),
    "V",
)

# --- Linear algebra: batches, complex matrices, other shapes ---


def stack_of(np, x):
    return np.stack([x, x * 0.5 + np.eye(3), np.matmul(x, x) * 0.3])


def hermitian(np, x):
    return (x + np.conj(np.swapaxes(x, -1, -2))) / 2


def batched(np, x):
    a = stack_of(np, x)
    return (
        np.linalg.inv(a), np.linalg.det(a), np.linalg.slogdet(a), np.linalg.solve(a, a[0] + 1), np.linalg.eigvals(a),
        np.linalg.svdvals(a), np.linalg.eigvalsh(hermitian(np, a)), np.linalg.qr(a), np.linalg.pinv(a), np.linalg.norm(a, axis=(1, 2)),
        np.linalg.matrix_power(a, 3), np.linalg.cond(a), np.linalg.matrix_norm(a, ord=2), np.linalg.cholesky(a @ np.conj(a.mT) + np.eye(3)),
    )  # fmt: skip


variant("linalg batched", batched, "s")
variant("linalg batched complex", batched, "k")
variant(
    "solve forms",
    lambda np, x, z: (np.linalg.solve(x, z[:3]), np.linalg.inv(x), np.linalg.solve(x, x.T * 2)),
    "kz",
)
variant(
    "eigh complex",
    lambda np, x: (
        np.linalg.eigh(hermitian(np, x))[0],
        np.linalg.eigvalsh(x, UPLO="U"),
        np.linalg.eigvalsh(x),
    ),
    "k",
)
variant("eigh projector", lambda np, x: (lambda v: v[:, :1] @ np.conj(v[:, :1].T))(np.linalg.eigh(x)[1]), "k")
variant("eigh vectors", lambda np, x: np.linalg.eigh(x + x.T), "s")
variant(
    "cholesky triangle",
    lambda np, x: (
        np.linalg.cholesky(x @ x.T),
        np.linalg.cholesky(np.tril(x @ x.T)),
        np.linalg.cholesky(x @ x.T, upper=True),
    ),
    "s",
)
variant(
    "cholesky complex",
    lambda np, x: (np.linalg.cholesky(x @ np.conj(x.T)), np.linalg.cholesky(x @ np.conj(x.T), upper=True)),
    "k",
)
variant(
    "svd forms",
    lambda np, x: (
        np.linalg.svd(x, full_matrices=False),
        np.linalg.svd(x.T, full_matrices=False),
        np.linalg.svd(x[:, :3]),
    ),
    "m",
)
variant(
    "svd complex tall",
    lambda np, x: (lambda u, s, vh: ((u * s**2) @ vh, abs(vh) ** 2, abs(u) ** 2))(
        *np.linalg.svd(x.T, full_matrices=False)
    ),
    "c",
)
variant(
    "qr shapes",
    lambda np, x: (
        np.linalg.qr(x),
        np.linalg.qr(x.T),
        np.linalg.qr(x, mode="r"),
        np.linalg.qr(x.T, mode="r"),
        np.linalg.qr(x, mode="complete"),
    ),
    "m",
)
variant("qr complex", lambda np, x: (np.linalg.qr(x), np.linalg.qr(x.T)), "c")
variant("eig vectors", lambda np, x: np.linalg.eig(x + x.T + 0.3 * x), "s")
variant("pinv complex", lambda np, x: (np.linalg.pinv(x), np.linalg.pinv(x.T)), "c")
variant(
    "lstsq forms",
    lambda np, x, y: (
        np.linalg.lstsq(x.T, np.stack([y, 2 * y * y], 1), rcond=None),
        np.linalg.lstsq(x, y[:3], rcond=None),
    ),
    "mv",
)
variant("slogdet complex", lambda np, x: np.linalg.slogdet(x), "k")
variant(
    "matrix_power complex", lambda np, x: (np.linalg.matrix_power(x, 2), np.linalg.matrix_power(x, -1)), "k"
)
variant(
    "tensorsolve axes",
    lambda np, x: (
        np.linalg.tensorsolve(np.reshape(x, (2, 2, 4)), x[0], axes=(1,))
        if False
        else np.linalg.tensorsolve(np.reshape(x, (2, 4, 2)), np.reshape(x[0], (2, 2)), axes=(1,))
    ),
    "4",
)

# --- Fourier transforms ---

for _norm in (None, "ortho", "forward"):
    variant(
        f"fft lengths {_norm}",
        lambda np, x, norm=_norm: tuple(
            f
            for n in (2, 3, 4, 5)
            for f in (
                np.fft.fft(x, n, norm=norm), np.fft.ifft(x, n, 0, norm), np.fft.irfft(x, n, norm=norm), np.fft.hfft(x, n, norm=norm),
                np.fft.rfft(x.real, n, norm=norm), np.fft.ihfft(x.imag, n, norm=norm),
            )
        ),
        "c",
    )  # fmt: skip
variant(
    "fft axes",
    lambda np, x: (
        np.fft.fftn(x, (2, 5), (0, 1)),
        np.fft.ifft2(x, (5, 2)),
        np.fft.rfftn(x.real, (3, 3)),
        np.fft.irfftn(x, (3, 5)),
        np.fft.irfft2(x, axes=(1, 0)),
        np.fft.rfft2(x.real, (2, 7)),
        np.fft.fftn(x, axes=(0,)),
        np.fft.irfftn(x, norm="ortho"),
    ),
    "c",
)
variant(
    "fft shifts",
    lambda np, x: (np.fft.fftshift(x, 0), np.fft.ifftshift(x), np.fft.fftshift(x, axes=(0, 1))),
    "m",
)

# --- Polynomials ---

variant(
    "polynomials",
    lambda np, p, x: (
        np.polysub(p, x[0, :2]),
        np.polydiv(p, x[0, :2]),
        np.polyval([1.0, 2.0, 3.0], x),
        np.polyval(p, 2.0),
        np.polyadd(p[:2], p),
        np.polymul([0.0, 0.0, 1.0, 2.0], p),
        np.polyint(p, 1, 2.0),
        np.vander(p, 2),
    ),
    "vm",
)
variant(
    "polyfit forms",
    lambda np, y, w: (
        np.polyfit([0.0, 1, 2.5, 4], y, 1, w=w),
        np.polyfit([0.0, 1, 2.5, 4], np.stack([y, y * y], 1), 2),
        np.polyfit([0.0, 1, 2.5, 4], y, 1, cov=True),
        np.polyfit([0.0, 1, 2.5, 4], y, 1, full=True)[:2],
    ),
    "vV",
)
variant("poly of matrix", lambda np, x: (np.poly(x), np.roots(x[0]), np.poly(x[0])), "s")
variant("sinc near zero", lambda np, x: (np.sinc(x * 1e-3), np.sinc(x * 0.08), np.i0(5 * x)), "v")
variant(
    "apply complex",
    lambda np, x: (np.apply_along_axis(np.sum, 0, x), np.apply_along_axis(lambda v: np.outer(v, v), 1, x)),
    "c",
)
variant(
    "vectorize forms",
    lambda np, x, y: (
        np.vectorize(lambda a, b: (a + b, a * b))(x, y),
        np.vectorize(lambda m, v: m @ v, signature="(n,k),(k)->(n)")(x, y),
    ),
    "mv",
)
variant(
    "lists of arrays",
    lambda np, x: (
        np.copy([x[0], [1.0, 2.0, 3.0, 4.0]]),
        np.real([x, x]),
        np.broadcast_arrays([x, x], x)[0],
        np.sum([x[0], x[1]]),
        np.linalg.norm([x[0], x[1]]),
        np.select([x > 0], [x]),
        np.median([x[0], x[1], [0.31] * 4], axis=0),
        np.fft.fft([x[0], x[1]]),
        np.sort([x[2], x[0]]),
        np.matmul([x[0], x[1]], x.T),
        np.maximum([x[0], x[1]], 0.3),
        np.mean([[x[0, 0], 2.0], [x[1, 1], x[1, 2]]], axis=0),
        np.where(x[0] > 0, [x[1], x[2]], 2.0),
        np.einsum("ij,ij", [x[0], x[1]], [x[1], x[2]]),
    ),
    "m",
)
