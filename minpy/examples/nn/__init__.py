"""Networks in MinPy's own style: ``python -m minpy.examples.nn.mlp``, and so on."""
