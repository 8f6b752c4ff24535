"""Mixed precision: products in float16 or bfloat16, what needs range in float32, and losses scaled to fit.

    amp.init()                                 # before networks are made
    trainer = gluon.Trainer(...)
    amp.init_trainer(trainer)
    with autograd.record():
        loss = loss_fn(net(x), y)
        with amp.scale_loss(loss, trainer) as scaled:
            autograd.backward(scaled)
    trainer.step(batch_size)

`convert_model`, `convert_hybrid_block` make networks for inference in lower precision out of trained ones.
"""

import sys

from minpy.amp._casting import init
from minpy.amp._conversion import (
    convert_bucketing_module,
    convert_hybrid_block,
    convert_model,
    convert_symbol,
)
from minpy.amp._lists import (
    list_conditional_fp32_ops,
    list_fp32_ops,
    list_loss_output_functions,
    list_lp16_fp32_ops,
    list_lp16_ops,
    list_lp16_use_fp32_params,
    list_widest_type_cast,
)
from minpy.amp._scaling import LossScaler, init_trainer, scale_loss, unscale

amp = sys.modules[__name__]  # MXNet has a module amp.amp

__all__ = [
    "LossScaler",
    "convert_bucketing_module",
    "convert_hybrid_block",
    "convert_model",
    "convert_symbol",
    "init",
    "init_trainer",
    "list_conditional_fp32_ops",
    "list_fp32_ops",
    "list_loss_output_functions",
    "list_lp16_fp32_ops",
    "list_lp16_ops",
    "list_lp16_use_fp32_params",
    "list_widest_type_cast",
    "scale_loss",
    "unscale",
]
