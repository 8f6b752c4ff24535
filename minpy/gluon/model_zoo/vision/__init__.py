"""Networks for images by name: `get_model("resnet18_v1", classes=10)`.

Parameters have the names and shapes that MXNet 1.9.1 gives them, so that its files load. Images are (batch, 3, height,
width), 224 pixels high and wide, but 299 for Inception v3.
"""

from minpy.gluon.model_zoo.vision.alexnet import *  # noqa: F403
from minpy.gluon.model_zoo.vision.densenet import *  # noqa: F403
from minpy.gluon.model_zoo.vision.inception import *  # noqa: F403
from minpy.gluon.model_zoo.vision.mobilenet import *  # noqa: F403
from minpy.gluon.model_zoo.vision.named import constructors
from minpy.gluon.model_zoo.vision.resnet import *  # noqa: F403
from minpy.gluon.model_zoo.vision.squeezenet import *  # noqa: F403
from minpy.gluon.model_zoo.vision.vgg import *  # noqa: F403


def get_model(name, **kwargs):
    """A network by its name.

    Parameters
    ----------
    name : str
        In any case: 'alexnet', 'densenet121', 'inceptionv3', 'mobilenet1.0', 'mobilenetv2_1.0', 'resnet18_v1',
        'squeezenet1.1', 'vgg11_bn' ... .
    **kwargs
        classes : int, the number of outputs (1000); pretrained : bool, whether to load weights; ctx : where to;
        root : str, the folder that keeps files of weights; and what the network's class takes.

    Returns
    -------
    HybridBlock

    Raises
    ------
    ValueError
        When no network has the name.
    """
    table = constructors()
    if name.lower() not in table:
        known = "\n\t".join(sorted(table))
        raise ValueError(f"Model {name.lower()} is not supported. Available options are\n\t{known}")
    return table[name.lower()](**kwargs)
