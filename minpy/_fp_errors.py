"""What happens when an operator raised floating-point flags: NumPy's `errstate`, honoured by our kernels."""

import sys
import warnings

import numpy

_FLAGS = (
    (1, "divide", "divide by zero"),
    (2, "over", "overflow"),
    (4, "under", "underflow"),
    (8, "invalid", "invalid value"),
)


def report(name: str, bits: int) -> None:
    """Apply the current `numpy.errstate` to the flags that operator `name` raised."""
    modes = numpy.geterr()
    for bit, key, text in _FLAGS:
        if not bits & bit:
            continue
        mode = modes[key]
        message = f"{text} encountered in {name}"
        if mode == "warn":
            warnings.warn(message, RuntimeWarning, stacklevel=2)
        elif mode == "raise":
            raise FloatingPointError(message)
        elif mode == "call":
            numpy.geterrcall()(text, bits)
        elif mode == "log":
            numpy.geterrcall().write(f"Warning: {message}\n")
        elif mode == "print":
            sys.stdout.write(f"Warning: {message}\n")


def warn(name: str, bits: int) -> None:
    """Warn for the flags that operator `name` raised, whatever the errstate is now."""
    for bit, _, text in _FLAGS:
        if bits & bit:
            warnings.warn(f"{text} encountered in {name}", RuntimeWarning, stacklevel=2)


def deferral_modes() -> tuple[bool, int]:
    """Whether the current errstate only warns and ignores, and the bits of what it ignores."""
    modes = numpy.geterr()
    ignored = sum(bit for bit, key, _ in _FLAGS if modes[key] == "ignore")
    return set(modes.values()) <= {"warn", "ignore"}, ignored
