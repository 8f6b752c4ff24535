"""`python -m minpy.mxnet script.py arguments...` runs a program in which `import mxnet` means minpy."""

import os
import runpy
import sys

import minpy.mxnet

_USAGE = """usage: python -m minpy.mxnet script.py [argument ...]
       python -m minpy.mxnet -m module [argument ...]
       python -m minpy.mxnet -c code [argument ...]

Runs a Python program written for MXNet 1.x, with minpy in MXNet's place."""


def main(arguments):
    """Runs what the command line says."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_USAGE)
        return 0 if arguments else 2
    option = arguments.pop(0) if arguments[0] in ("-m", "-c") else None
    if not arguments:
        print(_USAGE, file=sys.stderr)
        return 2
    minpy.mxnet.install()
    target = arguments[0]
    # sys.path starts with the working directory, as `python -m` leaves it: right for -m and -c, not for a file.
    if option == "-m":
        sys.argv = arguments
        runpy.run_module(target, run_name="__main__", alter_sys=True)
    elif option == "-c":
        sys.argv = ["-c", *arguments[1:]]
        exec(compile(target, "<string>", "exec"), {"__name__": "__main__", "__builtins__": __builtins__})
    else:
        sys.argv = arguments
        sys.path[0] = os.path.dirname(os.path.abspath(target))
        runpy.run_path(target, run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
