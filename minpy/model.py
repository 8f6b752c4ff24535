"""Checkpoints: a symbol and its parameters in files, and what training loops pass to callbacks."""

import collections
import logging

from minpy import nd, symbol
from minpy._files import exists

__all__ = ["BatchEndParam", "load_checkpoint", "load_params", "save_checkpoint"]

BatchEndParam = collections.namedtuple("BatchEndParams", ["epoch", "nbatch", "eval_metric", "locals"])


_FORMATS = ("params", "safetensors")


def _params_name(prefix, epoch, format):
    if format not in _FORMATS:
        raise ValueError(f"the format of parameters must be one of {_FORMATS}, not {format!r}")
    return f"{prefix}-{epoch:04d}.{format}"


def save_checkpoint(prefix, epoch, symbol, arg_params, aux_params, remove_amp_cast=True, format="params"):
    """Save a symbol and its parameters to `prefix-symbol.json` and `prefix-NNNN.params`.

    Parameters
    ----------
    prefix : str
        Start of the names of the files.
    epoch : int
        The number in the name.
    symbol : Symbol
        The graph; None: only the parameters are saved.
    arg_params, aux_params : dict of str to NDArray
        Arguments and auxiliary states.
    format : {'params', 'safetensors'}
        Of the file with the parameters, and the ending of its name.
    """
    name = _params_name(prefix, epoch, format)
    if symbol is not None:
        symbol.save(f"{prefix}-symbol.json", remove_amp_cast=remove_amp_cast)
    save_params(name, arg_params, aux_params)
    logging.info('Saved checkpoint to "%s"', name)


def save_params(fname, arg_params, aux_params):
    """Save arguments and auxiliary states under names that tell them apart."""
    values = {f"arg:{name}": array for name, array in arg_params.items()}
    nd.save(fname, values | {f"aux:{name}": array for name, array in aux_params.items()})


def split_params(values):
    """The arguments and the auxiliary states of a file's arrays, as dicts; others are ignored."""
    found = {"arg": {}, "aux": {}}
    for key, array in values.items():
        kind, _, name = key.partition(":")
        if kind in found:
            found[kind][name] = array
    return found["arg"], found["aux"]


def load_params(prefix, epoch):
    """The arguments and auxiliary states of a checkpoint of either format, as dicts of NDArray."""
    name, other = (_params_name(prefix, epoch, format) for format in _FORMATS)
    if not exists(name) and exists(other):
        name = other
    values = nd.load(name)
    if not values:
        logging.warning("Params file '%s' is empty", name)
        return {}, {}
    return split_params(values)


def load_checkpoint(prefix, epoch):
    """The symbol, arguments and auxiliary states that `save_checkpoint` saved.

    Parameters
    ----------
    prefix : str
        Start of the names of the files.
    epoch : int
        The number in the name.
    """
    return (symbol.load(f"{prefix}-symbol.json"), *load_params(prefix, epoch))


def __getattr__(name):
    if name == "FeedForward":  # it stands on Module, which stands on this module
        from minpy._feed_forward import FeedForward

        return FeedForward
    raise AttributeError(f"module 'minpy.model' has no attribute {name!r}")


# --- Updates of parameters on several devices, as scripts write their own training loops with ---


def _create_kvstore(kvstore, num_device, arg_params):
    """(KVStore or None, whether it is to update): none for a name and a single device in one process."""
    from minpy import kvstore as kvs

    if isinstance(kvstore, str):
        if num_device == 1 and "dist" not in kvstore:
            return None, False
        largest = max((array.size for array in arg_params.values()), default=0)
        store = kvs.create(kvstore)
        fits = kvstore != "local" or largest <= 1 << 24
        return store, fits and store.is_capable("optimizer")
    if kvstore is None:
        return None, False
    if not isinstance(kvstore, kvs.KVStoreBase):
        raise TypeError("kvstore must be KVStore, str or None")
    return kvstore, kvstore.is_capable("optimizer")


def _initialize_kvstore(kvstore, param_arrays, arg_params, param_names, update_on_kvstore):
    """Give a KVStore the first values of parameters, and copy them to the devices when it updates them."""
    for name, arrays in zip(param_names, param_arrays):
        kvstore.init(name, arg_params[name])
        if update_on_kvstore:
            kvstore.pull(name, out=arrays)


def _update_params_on_kvstore(param_arrays, grad_arrays, kvstore, param_names):
    """Have a KVStore update parameters, and copy them to the devices."""
    for index, (name, weights, grads) in enumerate(zip(param_names, param_arrays, grad_arrays)):
        if grads[0] is not None:
            kvstore.push(name, grads, priority=-index)
            kvstore.pull(name, out=weights, priority=-index)


def _update_params(param_arrays, grad_arrays, updater, num_device, kvstore=None, param_names=None):
    """Update parameters on each device, after a KVStore has summed the gradients."""
    for index, (weights, grads) in enumerate(zip(param_arrays, grad_arrays)):
        if grads[0] is None:
            continue
        if kvstore is not None:
            kvstore.push(param_names[index], grads, priority=-index)
            kvstore.pull(param_names[index], out=grads, priority=-index, ignore_sparse=False)
        for device, (weight, grad) in enumerate(zip(weights, grads)):
            updater(index * num_device + device, grad, weight)
