"""Batch normalisation by its other names."""

import minpy.numpy as np
from minpy._operators.normalization import batch_norm
from minpy._operators.registry import operator


@operator("_contrib_SyncBatchNorm", inputs=5, npx=False)
def sync_batch_norm(
    data,
    gamma,
    beta,
    moving_mean,
    moving_var,
    eps=1e-3,
    momentum=0.9,
    fix_gamma=True,
    use_global_stats=False,
    output_mean_var=False,
    ndev=1,
    key=None,
):
    """BatchNorm over axis 1; in one process the batch is whole, so `ndev` and `key` have no effect."""
    return batch_norm(
        data,
        gamma,
        beta,
        moving_mean,
        moving_var,
        eps,
        momentum,
        fix_gamma,
        use_global_stats,
        output_mean_var,
    )


@operator("_contrib_BatchNormWithReLU", inputs=5, npx=False)
def batch_norm_with_relu(data, gamma, beta, moving_mean, moving_var, **settings):
    """The larger of 0 and BatchNorm, whose settings it takes."""
    out = batch_norm(data, gamma, beta, moving_mean, moving_var, **settings)
    if isinstance(out, (tuple, list)):
        return (np.maximum(out[0], 0), *out[1:])
    return np.maximum(out, 0)


@operator("BatchNorm_v1", inputs=5, npx=False)
def batch_norm_v1(
    data,
    gamma,
    beta,
    moving_mean,
    moving_var,
    eps=1e-3,
    momentum=0.9,
    fix_gamma=True,
    use_global_stats=False,
    output_mean_var=False,
):
    """BatchNorm over axis 1, in its oldest spelling."""
    return batch_norm(
        data,
        gamma,
        beta,
        moving_mean,
        moving_var,
        eps,
        momentum,
        fix_gamma,
        use_global_stats,
        output_mean_var,
    )
