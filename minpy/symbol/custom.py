"""Calls of `mx.sym.Custom`: what graphs need to know of operators that users register."""

from minpy._operators.registry import Operator, legacy_names
from minpy.symbol.schema import Schema, text

__all__ = ["custom_schema"]


class _CustomSchema(Schema):
    """A custom operator with the settings of one call; its inputs and outputs are those that it describes."""

    def __init__(self, attributes):
        from minpy.operator import find_custom

        settings = {k: v for k, v in attributes.items() if k != "op_type"}
        self.prop = find_custom(attributes["op_type"])(**settings)
        arguments, states = self.prop.list_arguments(), self.prop.list_auxiliary_states()
        row = legacy_names()["Custom"]
        names = (*arguments, *states)
        super().__init__(
            "Custom", Operator("custom", row.function, names, dict.fromkeys(attributes), row.legacy_names)
        )
        self.auxiliary = dict.fromkeys(range(len(arguments), len(names)))
        self.initial = {}

    def values(self, attributes):
        """The settings, which are text for custom operators."""
        return self.arguments(attributes)

    def arguments(self, attributes):
        """What the operator is called with."""
        return {key: value for key, value in attributes.items() if key in self.row.attributes}

    def input_names(self, attributes, count=None):
        """The names of all inputs."""
        return self.inputs

    def output_names(self, attributes):
        """The names of the outputs."""
        return tuple(self.prop.list_outputs())

    def shapes(self, known):
        """Shapes of inputs and outputs from the known ones of the inputs; Nones where they do not suffice."""
        count = len(self.prop.list_arguments())
        try:
            found = self.prop.infer_shape([list(shape) if shape else [] for shape in known[:count]])
        except (IndexError, TypeError, ValueError):
            if all(shape and 0 not in shape for shape in known[:count]):
                raise
            return list(known), [None] * len(self.prop.list_outputs())
        inputs, outputs, *states = found
        flat = [*inputs, *(states[0] if states else ())]
        return [tuple(s) if s else None for s in flat], [tuple(s) if s else None for s in outputs]


def custom_schema(attributes):
    """The Schema of a call with these attributes; raises MXNetError for an operator that is not registered."""
    settings = {key: text(value) for key, value in attributes.items() if not key.startswith("__")}
    return _CustomSchema(settings)
