"""Pooling layers."""

from minpy._nested import per_axis
from minpy.gluon.hybrid import HybridBlock

__all__ = [
    f"{kind}{ndim}D"
    for kind in ("AvgPool", "GlobalAvgPool", "GlobalMaxPool", "MaxPool")
    for ndim in (1, 2, 3)
]

_LAYOUTS = {1: "NCW", 2: "NCHW", 3: "NCDHW"}


class _Pooling(HybridBlock):
    """What all pooling layers share.

    Parameters
    ----------
    pool_size : int or tuple of int
        Of the window, per spatial axis.
    strides : int or tuple of int
        Of the window; None: its size.
    padding : int or tuple of int
        On both sides of each axis.
    layout : str
        Order of the axes.
    ceil_mode : bool
        Whether a last window that sticks out counts.
    """

    def __init__(self, ndim, pool_size, strides, padding, ceil_mode, global_pool, pool_type, layout,
                 count_include_pad=None, **kwargs):  # fmt: skip
        super().__init__(**kwargs)
        self._kwargs = {
            "kernel": per_axis(pool_size, ndim),
            "stride": per_axis(pool_size if strides is None else strides, ndim),
            "pad": per_axis(padding, ndim),
            "global_pool": global_pool,
            "pool_type": pool_type,
            "layout": layout,
            "pooling_convention": "full" if ceil_mode else "valid",
        }
        if count_include_pad is not None:
            self._kwargs["count_include_pad"] = count_include_pad

    def _alias(self):
        return "pool"

    def hybrid_forward(self, F, x):
        return F.Pooling(x, name="fwd", **self._kwargs)

    def __repr__(self):
        kw = self._kwargs
        return (
            f"{type(self).__name__}(size={kw['kernel']}, stride={kw['stride']}, padding={kw['pad']},"
            f" ceil_mode={kw['pooling_convention'] == 'full'}, global_pool={kw['global_pool']},"
            f" pool_type={kw['pool_type']}, layout={kw['layout']})"
        )


def _max_pool(ndim):
    class Pool(_Pooling):
        def __init__(
            self, pool_size=2, strides=None, padding=0, layout=_LAYOUTS[ndim], ceil_mode=False, **kwargs
        ):
            super().__init__(ndim, pool_size, strides, padding, ceil_mode, False, "max", layout, **kwargs)

    return _named(Pool, f"MaxPool{ndim}D", "The largest element of each window.")


def _avg_pool(ndim):
    class Pool(_Pooling):
        def __init__(self, pool_size=2, strides=None, padding=0, ceil_mode=False, layout=_LAYOUTS[ndim],
                     count_include_pad=True, **kwargs):  # fmt: skip
            super().__init__(ndim, pool_size, strides, padding, ceil_mode, False, "avg", layout, count_include_pad,
                             **kwargs)  # fmt: skip

    return _named(
        Pool, f"AvgPool{ndim}D", "The mean of each window; `count_include_pad` counts padding as elements."
    )


def _global_pool(ndim, kind, sentence):
    class Pool(_Pooling):
        def __init__(self, layout=_LAYOUTS[ndim], **kwargs):
            super().__init__(ndim, 1, None, 0, True, True, kind, layout, **kwargs)

    return _named(Pool, f"Global{kind.capitalize()}Pool{ndim}D", sentence)


def _named(cls, name, sentence):
    cls.__name__ = cls.__qualname__ = name
    cls.__doc__ = sentence + (
        "" if name.startswith("Global") else "\n\n" + _Pooling.__doc__.split("\n\n", 1)[1]
    )
    return cls


for _n in (1, 2, 3):
    globals()[f"MaxPool{_n}D"] = _max_pool(_n)
    globals()[f"AvgPool{_n}D"] = _avg_pool(_n)
    globals()[f"GlobalMaxPool{_n}D"] = _global_pool(_n, "max", "The largest element of each channel.")
    globals()[f"GlobalAvgPool{_n}D"] = _global_pool(_n, "avg", "The mean of each channel.")
