"""minpy: NumPy with gradients and devices, and what people wrote for MXNet and Gluon."""
