"""LogMetricsCallback: metrics as event files for TensorBoard."""

import importlib

__all__ = ["LogMetricsCallback"]

_WRITERS = ("mxboard", "torch.utils.tensorboard", "tensorboardX")


def _writer(folder):
    for name in _WRITERS:
        try:
            return importlib.import_module(name).SummaryWriter(folder)
        except ImportError:
            continue
    raise ImportError(
        f"LogMetricsCallback writes by one of {', '.join(_WRITERS)}; install tensorboardX, for example"
    )


class LogMetricsCallback:
    """A callback for the end of batches or epochs that writes metrics.

    Parameters
    ----------
    logging_dir : str
        Where event files go; `tensorboard --logdir` shows them.
    prefix : str
        What names of metrics start with.

    Raises
    ------
    ImportError
        Without a package that writes event files; MXNet logs it, and fails later.
    """

    def __init__(self, logging_dir, prefix=None):
        self.prefix = prefix
        self.summary_writer = _writer(logging_dir)

    def __call__(self, param):
        if param.eval_metric is None:
            return
        for name, value in param.eval_metric.get_name_value():
            name = name if self.prefix is None else f"{self.prefix}-{name}"
            self.summary_writer.add_scalar(name, value, global_step=param.epoch)
