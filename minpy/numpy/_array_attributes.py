"""The objects behind `x.flags` and `x.flat`: live views of the array that they come from."""

import operator

import numpy

from minpy import _core

_C, _F, _OWN, _ALIGNED, _WRITEABLE = 1, 2, 4, 0x100, 0x400
_BEHAVED = _ALIGNED | _WRITEABLE


class Flags:
    """Memory layout flags of an array, as numpy's `flagsobj`: attributes, items, and assignment to the settable ones."""

    __slots__ = ("_array",)
    __hash__ = None

    def __init__(self, array):
        object.__setattr__(self, "_array", array)

    @property
    def num(self):
        """The flags as NumPy numbers them."""
        return _core._flags(self._array)

    c_contiguous = contiguous = property(lambda self: bool(self.num & _C))
    f_contiguous = fortran = property(lambda self: bool(self.num & _F))
    owndata = property(lambda self: bool(self.num & _OWN))
    behaved = property(lambda self: self.num & _BEHAVED == _BEHAVED)
    carray = property(lambda self: self.num & (_BEHAVED | _C) == _BEHAVED | _C)
    farray = property(
        lambda self: bool(self.num & (_BEHAVED | _F)) and not self.num & _C
    )  # as NumPy computes it
    fnc = property(lambda self: self.num & (_F | _C) == _F)
    forc = property(lambda self: bool(self.num & (_F | _C)))

    @property
    def writeable(self):
        return bool(self.num & _WRITEABLE)

    @writeable.setter
    def writeable(self, value):
        self._array.setflags(write=bool(value))

    @property
    def aligned(self):
        return bool(self.num & _ALIGNED)

    @aligned.setter
    def aligned(self, value):
        self._array.setflags(align=bool(value))

    @property
    def writebackifcopy(self):
        return False

    @writebackifcopy.setter
    def writebackifcopy(self, value):
        self._array.setflags(uic=bool(value))

    def __getitem__(self, key):
        name = _FLAG_NAMES.get(key) if isinstance(key, str) else None
        if name is None:
            raise KeyError("Unknown flag")
        return getattr(self, name)

    def __setitem__(self, key, value):
        name = _FLAG_NAMES.get(key) if isinstance(key, str) else None
        if name not in ("writeable", "aligned", "writebackifcopy"):
            raise KeyError("Unknown flag")
        setattr(self, name, value)

    def __eq__(self, other):
        other = getattr(other, "num", None)
        return self.num == other if other is not None else NotImplemented

    def __repr__(self):
        rows = ("c_contiguous", "f_contiguous", "owndata", "writeable", "aligned", "writebackifcopy")
        return "".join(f"  {name.upper()} : {getattr(self, name)}\n" for name in rows)


_FLAG_NAMES = {
    **{name.upper(): name for name in dir(Flags) if name[0] != "_" and name != "num"},
    "C": "c_contiguous",
    "F": "f_contiguous",
    "O": "owndata",
    "W": "writeable",
    "A": "aligned",
    "X": "writebackifcopy",
    "B": "behaved",
    "CA": "carray",
    "FA": "farray",
}


class FlatIterator:
    """A one-dimensional iterator over an array, as numpy's `flatiter`; assigning to its items writes the array."""

    __hash__ = None

    def __init__(self, array):
        self._array = array
        self._iterator = _core.to_numpy(array).flat

    base = property(lambda self: self._array)
    coords = property(lambda self: self._iterator.coords)
    index = property(lambda self: self._iterator.index)

    def copy(self):
        """A copy of the array's elements as a one-dimensional array."""
        return self._array.flatten()

    def __array__(self, dtype=None, *, copy=None):
        values = _core.to_numpy(self._array)
        # A view where the elements lie in order, as NumPy gives one.
        if values.flags.c_contiguous and not copy:
            values = values.reshape(-1)
        else:
            values = values.flatten()
            values.flags.writeable = bool(copy)  # nobody would see what is written into NumPy's own copy
        return values if dtype is None else values.astype(dtype, copy=False)

    def __len__(self):
        return self._array.size

    def __iter__(self):
        return self

    def __next__(self):
        if not _core.is_recorded(self._array):
            return next(self._iterator)
        place = self._iterator.coords
        next(self._iterator)
        return self._array[place]

    def __getitem__(self, key):
        positions = _flat_key(key)
        if _core.is_recorded(self._array):
            return self._array.reshape(-1)[positions]
        return _core.from_numpy(self._iterator[positions])

    def __setitem__(self, key, value):
        if _core.is_recorded(self._array) or _core.is_recorded(value):
            flat = self._array.reshape(-1)
            flat[_flat_key(key)] = value
            if not self._array.flags.c_contiguous:  # reshape may have copied
                self._array[...] = flat.reshape(self._array.shape)
            return
        _core.before_write(self._array)
        self._iterator[_flat_key(key)] = _core.to_numpy(value)

    def __delitem__(self, key):
        raise TypeError("Cannot delete iterator elements")

    def __eq__(self, other):
        return self._compare(operator.eq, other)

    def __ne__(self, other):
        return self._compare(operator.ne, other)

    def __lt__(self, other):
        return self._compare(operator.lt, other)

    def __le__(self, other):
        return self._compare(operator.le, other)

    def __gt__(self, other):
        return self._compare(operator.gt, other)

    def __ge__(self, other):
        return self._compare(operator.ge, other)

    def _compare(self, compare, other):
        return _core.from_numpy(compare(self.__array__(), _core.to_numpy(other)))


def _flat_key(key):
    return _core.to_numpy(key)


FlatIterator.__doc__ += "\n\n" + (numpy.flatiter.__doc__ or "")
