"""Fail when an object file for one instruction set defines a function that other code could be linked to.

See Note [One source, several instruction sets]. Usage: check_isa.py NM OBJECT...
"""

import subprocess
import sys


def leaks(nm, path):
    """The global and weak functions of the object file that are outside its instruction set's namespace."""
    command = [nm, "--extern-only", "--defined-only", path]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    symbols = (line.split()[-2:] for line in output.splitlines() if line)
    names = (name for kind, name in symbols if kind in "TWi")  # not data, which holds no instructions
    return [name for name in names if "3cpu6isa_v" not in name and "3cpu8isa_base" not in name]


def main():
    nm, *objects = sys.argv[1:]
    failed = False
    for path in objects:
        for name in leaks(nm, path):
            print(f"{path}: {name} is outside the instruction set's namespace", file=sys.stderr)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
