"""Resampling of images: to another size, and at the points of a grid."""

import operator as _operator

import numpy

import minpy.numpy as np
from minpy import _core
from minpy._operators import registry
from minpy._operators.registry import composite, operator

_kernels = _core.kernels


@operator("UpSampling", inputs=1)
def upsampling(
    *data, scale, sample_type, num_args=None, num_filter=0, multi_input_mode="concat", workspace=512
):
    """Enlarge images by a whole factor.

    Parameters
    ----------
    *data : ndarray
        (batch, channels, height, width). "nearest" takes several arrays and enlarges each to the size that the
        first one gets; "bilinear" takes the images and the weight of the interpolation,
        (channels, 1, k, k) with k = 2 * scale - scale % 2.
    scale : int
        The factor.
    sample_type : {"nearest", "bilinear"}
        Repeat each element, or spread it by the weight, as a transposed convolution.
    num_args : int
        The number of arrays; may be left out.
    num_filter : int
        The number of channels; "bilinear" checks it.
    multi_input_mode : {"concat", "sum"}
        Whether several enlarged arrays are joined along the channels or added.
    workspace : int
        Accepted for compatibility.

    Returns
    -------
    ndarray
        (batch, channels, scale * height, scale * width).
    """
    if num_args is not None and num_args != len(data):
        raise ValueError(f"upsampling: num_args is {num_args}, but {len(data)} arrays were given")
    if not data or any(np.ndim(a) != 4 for a in data):
        raise ValueError(
            f"upsampling: arrays of 4 axes are required, the shapes are {[np.shape(a) for a in data]}"
        )
    scale = _operator.index(scale)
    if scale < 1:
        raise ValueError(f"upsampling: scale must be at least 1, not {scale}")
    if sample_type == "bilinear":
        return _upsample_by_weight(*data, scale=scale, num_filter=num_filter)
    if sample_type != "nearest":
        raise ValueError(f"upsampling: sample_type must be 'nearest' or 'bilinear', not {sample_type!r}")
    if multi_input_mode not in ("concat", "sum"):
        raise ValueError(f"upsampling: multi_input_mode must be 'concat' or 'sum', not {multi_input_mode!r}")
    size = tuple(n * scale for n in data[0].shape[2:])
    parts = [_repeated(a, size) for a in data]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts, axis=1) if multi_input_mode == "concat" else sum(parts[1:], parts[0])


def _repeated(a, size):
    """Each element repeated so that the image has the given size: the adjoint of summing blocks."""
    shape = a.shape[2:]
    if any(n == 0 or m % n for n, m in zip(shape, size)):
        raise ValueError(f"upsampling: images of size {shape} cannot be enlarged to {size} by a whole factor")
    factor = tuple(m // n for n, m in zip(shape, size))
    return _kernels.pool_sum_spread(a, kernel=factor, stride=factor, pad=(0, 0), out=shape, **{"in": size})


def _upsample_by_weight(data, weight=None, *, scale, num_filter):
    kernel = 2 * scale - scale % 2
    channels = data.shape[1]
    if num_filter not in (0, channels):
        raise ValueError(f"upsampling: num_filter is {num_filter}, but data has {channels} channels")
    if np.shape(weight) != (channels, 1, kernel, kernel):
        raise ValueError(
            f"upsampling: 'bilinear' requires a weight of shape {(channels, 1, kernel, kernel)}, "
            f"not {np.shape(weight)}"
        )
    deconvolution = registry.find("Deconvolution").function
    return deconvolution(
        data,
        weight,
        kernel=(kernel, kernel),
        stride=(scale, scale),
        pad=(scale // 2, scale // 2),
        num_filter=channels,
        num_group=channels,
        no_bias=True,
    )


_SIZES = {
    "to_even_down": lambda n: n - n % 2,
    "to_even_up": lambda n: n + n % 2,
    "to_odd_down": lambda n: n - 1 + n % 2,
    "to_odd_up": lambda n: n + 1 - n % 2,
}


@operator("_contrib_BilinearResize2D", inputs=2)
def bilinear_resize2d(
    data,
    like=None,
    height=1,
    width=1,
    scale_height=None,
    scale_width=None,
    mode="size",
    align_corners=True,
):
    """Images of another height and width, by bilinear interpolation.

    Parameters
    ----------
    data : ndarray
        (batch, channels, height, width).
    like : ndarray
        The array whose height and width the result gets in mode "like".
    height, width : int
        The size of the result in mode "size", if no scale is given.
    scale_height, scale_width : float
        The size as multiples of that of `data`, rounded down.
    mode : {"size", "like", "odd_scale", "to_even_down", "to_even_up", "to_odd_down", "to_odd_up"}
        "odd_scale" scales odd sizes to odd ones; the last four give the next even or odd size.
    align_corners : bool
        Whether the centres of the corner elements coincide, or the images' outer edges.

    Returns
    -------
    ndarray
        (batch, channels, height, width).
    """
    if np.ndim(data) != 4:
        raise ValueError(f"bilinear_resize2d: data must have 4 axes, its shape is {np.shape(data)}")
    old = data.shape[2:]
    if mode == "like":
        if like is None or np.ndim(like) != 4:
            raise ValueError("bilinear_resize2d: mode 'like' requires the array like, of 4 axes")
        size = like.shape[2:]
    elif mode in _SIZES:
        size = tuple(_SIZES[mode](n) for n in old)
    elif mode in ("size", "odd_scale"):
        odd = mode == "odd_scale"
        if odd and None in (scale_height, scale_width):
            raise ValueError("bilinear_resize2d: mode 'odd_scale' requires scale_height and scale_width")
        size = tuple(
            fixed if scale is None else int(n * scale) if not odd or n % 2 == 0 else int((n - 1) * scale) + 1
            for n, fixed, scale in zip(old, (height, width), (scale_height, scale_width))
        )
    else:
        raise ValueError(f"bilinear_resize2d: mode {mode!r} is not known")
    return _kernels.resize_bilinear(data, height=size[0], width=size[1], align_corners=bool(align_corners))


@operator("BilinearSampler", inputs=2)
def bilinear_sampler(data, grid, cudnn_off=None):
    """Interpolate images bilinearly at the points of a grid.

    Parameters
    ----------
    data : ndarray
        (batch, channels, height, width).
    grid : ndarray
        (batch, 2, out_height, out_width): x and y of the points, from -1, the centre of the first column or row, to
        1, that of the last. What lies outside counts as zero.
    cudnn_off : bool
        Accepted for compatibility.

    Returns
    -------
    ndarray
        (batch, channels, out_height, out_width). Both arguments get gradients; at an element's centre that of the
        grid is the one from the right and from below.

    References
    ----------
    Jaderberg, Simonyan, Zisserman, Kavukcuoglu: Spatial Transformer Networks, arXiv:1506.02025.
    """
    return _kernels.bilinear_sampler(data, grid)


@composite("bilinear_sampler")
def _bilinear_sampler(data, grid):
    batch, channels, height, width = data.shape
    x = ((grid[:, 0] + 1) * ((width - 1) / 2)).reshape(batch, 1, -1)
    y = ((grid[:, 1] + 1) * ((height - 1) / 2)).reshape(batch, 1, -1)
    left, upper = (numpy.floor(numpy.asarray(a, dtype=numpy.float64)) for a in (x, y))
    fx, fy = x - np.array(left, dtype=x.dtype), y - np.array(upper, dtype=y.dtype)
    flat = data.reshape(batch, channels, height * width)
    total = 0
    for row, wy in ((upper, 1 - fy), (upper + 1, fy)):
        for column, wx in ((left, 1 - fx), (left + 1, fx)):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            place = numpy.where(inside, row * width + column, 0).astype(numpy.int64)
            place = np.array(numpy.broadcast_to(place, (batch, channels, place.shape[2])))
            value = np.where(np.array(inside), np.take_along_axis(flat, place, axis=2), 0)
            total = total + np.where(np.array(inside), wx * wy, 0) * value
    return total.astype(data.dtype).reshape(batch, channels, *grid.shape[2:])


@operator("GridGenerator")
def grid_generator(data, transform_type, target_shape=(0, 0)):
    """The points at which `bilinear_sampler` is to interpolate.

    Parameters
    ----------
    data : ndarray
        For "affine", (batch, 6): the rows of the 2x3 matrix that maps (x, y, 1) of the result to x and y of the
        source, both from -1 to 1. For "warp", (batch, 2, height, width): by how many elements each point moves.
    transform_type : {"affine", "warp"}
    target_shape : tuple of int
        Height and width of the grid; "affine" needs them.

    Returns
    -------
    ndarray
        (batch, 2, height, width).
    """
    if transform_type == "affine":
        if np.ndim(data) != 2 or data.shape[1] != 6:
            raise ValueError(
                f"grid_generator: 'affine' requires data of shape (batch, 6), not {np.shape(data)}"
            )
        height, width = _target(target_shape)
        y, x = numpy.meshgrid(_ends(height), _ends(width), indexing="ij")
        points = numpy.stack([x.ravel(), y.ravel(), numpy.ones(x.size)]).astype(data.dtype)
        return np.matmul(data.reshape(-1, 2, 3), np.array(points)).reshape(-1, 2, height, width)
    if transform_type != "warp":
        raise ValueError(f"grid_generator: transform_type must be 'affine' or 'warp', not {transform_type!r}")
    if np.ndim(data) != 4 or data.shape[1] != 2:
        raise ValueError(
            f"grid_generator: 'warp' requires data of shape (batch, 2, height, width), not {np.shape(data)}"
        )
    sizes = data.shape[:1:-1]  # width, height: x comes first
    half = numpy.array([max(n - 1, 1) / 2 for n in sizes]).reshape(2, 1, 1)
    x, y = numpy.meshgrid(*(numpy.arange(n) for n in sizes))
    return (data + np.array(numpy.stack([x, y]).astype(data.dtype))) / np.array(half.astype(data.dtype)) - 1


def _ends(n):
    """n numbers from -1 to 1; a single one is at the first element's centre."""
    return numpy.arange(n) * (2 / max(n - 1, 1)) - 1


def _target(shape):
    try:
        height, width = (_operator.index(n) for n in shape)
    except (TypeError, ValueError):
        raise TypeError(f"grid_generator: target_shape must be two integers, not {shape!r}") from None
    if height < 1 or width < 1:
        raise ValueError(f"grid_generator: target_shape must be at least (1, 1), not {shape!r}")
    return height, width


@operator("SpatialTransformer", inputs=2)
def spatial_transformer(
    data, loc, target_shape=(0, 0), transform_type="affine", sampler_type="bilinear", cudnn_off=None
):
    """Interpolate images at an affine image of a regular grid.

    Parameters
    ----------
    data : ndarray
        (batch, channels, height, width).
    loc : ndarray
        (batch, 6), as for `grid_generator`.
    target_shape : tuple of int
        Height and width of the result; that of `data` by default.
    transform_type : {"affine"}
    sampler_type : {"bilinear"}
    cudnn_off : bool
        Accepted for compatibility.

    Returns
    -------
    ndarray
        (batch, channels, *target_shape).

    References
    ----------
    Jaderberg, Simonyan, Zisserman, Kavukcuoglu: Spatial Transformer Networks, arXiv:1506.02025.
    """
    if transform_type != "affine" or sampler_type != "bilinear":
        raise ValueError(
            "spatial_transformer: transform_type must be 'affine' and sampler_type 'bilinear', "
            f"not {transform_type!r} and {sampler_type!r}"
        )
    target = data.shape[2:] if tuple(target_shape) == (0, 0) else target_shape
    return bilinear_sampler(data, grid_generator(loc, "affine", target))
