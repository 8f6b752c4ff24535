"""What networks share: their computation, the table of their names, and the files of their weights."""

from minpy.gluon.hybrid import HybridBlock

_table = {}


class Network(HybridBlock):
    """A network for images: `features`, and then `output`."""

    def hybrid_forward(self, F, x):
        return self.output(self.features(x))


def constructors():
    """The functions that make networks, by the names that `get_model` takes."""
    return dict(_table)


def loaded(net, name, pretrained, ctx, root):
    """The network, with the weights of that name when `pretrained`."""
    if pretrained:
        from minpy.context import cpu
        from minpy.gluon.model_zoo import model_store

        net.load_parameters(model_store.get_model_file(name, root=root), ctx=cpu() if ctx is None else ctx)
    return net


def named(function_name, model_name, make, what):
    """A function that makes one network; `get_model` knows it by `model_name`."""

    def construct(**kwargs):
        return make(**kwargs)

    construct.__name__ = construct.__qualname__ = function_name
    construct.__doc__ = f"""{what}

    Parameters
    ----------
    pretrained : bool
        Whether to load trained weights.
    ctx : Context
        Where to load them; None: the CPU.
    root : str
        Folder that keeps files of weights; None: $MXNET_HOME/models.
    **kwargs
        See the class; `classes` is the number of outputs.
    """
    _table[model_name] = construct
    return construct
