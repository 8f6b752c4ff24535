"""Initial values of parameters: by MXNet's rules for names, and from its random streams.

``init(InitDesc("fc1_weight"), array)`` fills an array by the end of its name: weights as the initializer says, biases
with zeros, ``gamma`` with ones ... An attribute ``__init__`` of the description, the text of `Initializer.dumps`,
decides instead where there is one.
"""

from minpy.initializer._base import InitDesc, Initializer, alias, create, register
from minpy.initializer._choice import Load, Mixed
from minpy.initializer._draws import MSRAPrelu, Normal, Orthogonal, Uniform, Xavier
from minpy.initializer._values import Bilinear, Constant, FusedRNN, LSTMBias, One, Zero

__all__ = [
    "Bilinear",
    "Constant",
    "FusedRNN",
    "InitDesc",
    "Initializer",
    "LSTMBias",
    "Load",
    "MSRAPrelu",
    "Mixed",
    "Normal",
    "One",
    "Orthogonal",
    "Uniform",
    "Xavier",
    "Zero",
    "alias",
    "create",
    "register",
]

for _name in __all__:
    if isinstance(globals()[_name], type):
        globals()[_name].__module__ = __name__  # what pickles and messages name
