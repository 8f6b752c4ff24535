"""Damage to files: bits, lengths, missing, doubled and foreign parts, from a fixed seed."""

import struct

import numpy

_NUMBERS = [0xFFFFFFFF, 0x7FFFFFFF, 1 << 62, (1 << 64) - 1, 0, 1, 1 << 40, 255]


def _place(random, size):
    """Half of the damage is done near the start, where lengths and kinds stand."""
    return int(random.randint(0, min(size, 200) if random.rand() < 0.5 else size))


def _flip(content, random):
    at = _place(random, len(content))
    content[at] ^= 1 << random.randint(8)


def _overwrite(content, random):
    at = _place(random, len(content))
    content[at] = random.randint(256)


def _number(content, random):
    at = _place(random, len(content)) & ~3
    letter = "<I" if random.rand() < 0.5 else "<Q"
    number = _NUMBERS[random.randint(len(_NUMBERS))] & (0xFFFFFFFF if letter == "<I" else (1 << 64) - 1)
    content[at : at + struct.calcsize(letter)] = struct.pack(letter, number)


def _truncate(content, random):
    del content[_place(random, len(content)) :]


def _remove(content, random):
    at = _place(random, len(content))
    del content[at : at + random.randint(1, 16)]


def _double(content, random):
    at = _place(random, len(content))
    content[at:at] = content[at : at + random.randint(1, 32)]


def _insert(content, random):
    at = _place(random, len(content))
    content[at:at] = random.bytes(random.randint(1, 16))


def _append(content, random):
    content += random.bytes(random.randint(1, 64))


def _digit(content, random):
    """A digit more, which makes large numbers in texts."""
    digits = [i for i, byte in enumerate(content) if 48 <= byte < 58]
    if digits:
        at = digits[random.randint(len(digits))]
        content[at:at] = b"9" * random.randint(1, 12)


_KINDS = (_flip, _overwrite, _number, _truncate, _remove, _double, _insert, _append, _digit)


def mutations(content, count):
    """Damaged copies of a file's bytes.

    Parameters
    ----------
    content : bytes
    count : int
        How many; the i-th is always the same.
    """
    for seed in range(count):
        random = numpy.random.RandomState(seed)
        damaged = bytearray(content)
        for _ in range(1 if seed % 3 else 3):
            if damaged:
                _KINDS[random.randint(len(_KINDS))](damaged, random)
        yield bytes(damaged)
