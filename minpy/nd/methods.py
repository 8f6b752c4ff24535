"""The operators that are methods of NDArray too: `x.exp()` is `nd.exp(x)`."""

import sys

METHODS = """
abs arccos arccosh arcsin arcsinh arctan arctanh argmax argmax_channel argmin argsort broadcast_axes cbrt ceil clip cos
cosh degrees depth_to_space diag exp expand_dims expm1 fix flatten flip floor log log10 log1p log2 log_softmax max mean
min nanprod nansum norm one_hot ones_like pad pick prod radians rcbrt reciprocal relu repeat reshape_like rint round
rsqrt shape_array sigmoid sign sin sinh size_array slice slice_axis slice_like softmax softmin sort space_to_depth
split split_v2 sqrt square squeeze sum swapaxes take tan tanh tile topk trunc zeros_like
""".split()


def install(array_type):
    """Gives the array type the operators as methods."""
    namespace = sys.modules["minpy.nd"]
    for name in METHODS:
        if hasattr(namespace, name) and name not in vars(array_type):
            setattr(array_type, name, getattr(namespace, name))
