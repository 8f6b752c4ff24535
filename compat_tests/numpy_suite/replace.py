"""Run NumPy's installed test modules with ``numpy`` replaced by another module.

How: a finder at the head of ``sys.meta_path`` recognises NumPy's own test files by their path
(not by their package name: files without an ``__init__.py`` beside them are imported as top-level
modules) and gives the module a private ``__builtins__`` whose ``__import__`` answers every
``import numpy…`` with a `Stand`, a module that looks each name up in the target. Everything else
in the process, NumPy and pytest included, keeps the real ``numpy``.

Rules of the look-up, in this order:

1. ``numpy.testing`` and ``numpy.ma.testutils`` stay NumPy's; their comparing helpers get target
   arrays as NumPy arrays (see `ASSERT_HELPERS`).
2. A public name (of ``numpy``, or of a submodule which the target has) comes from the target. A
   target without that name fails with AttributeError; nothing falls back silently.
3. A private path is read from NumPy, but when the object found there is public under some name
   (``numpy._core.numeric.arange`` is ``numpy.arange``), the target's object of that name is given.
4. What is truly private stays NumPy's.
"""

import builtins
import contextlib
import functools
import importlib
import importlib.util
import os
import re
import sys
import types

import numpy

NUMPY_ROOT = os.path.dirname(os.path.abspath(numpy.__file__))

# Modules whose names count as public, the preferred home of an object first.
PUBLIC_MODULES = (
    "numpy",
    "numpy.linalg",
    "numpy.fft",
    "numpy.random",
    "numpy.lib.stride_tricks",
    "numpy.lib.array_utils",
    "numpy.lib.scimath",
    "numpy.lib.mixins",
    "numpy.lib.introspect",
    "numpy.lib.format",
    "numpy.lib",
    "numpy.exceptions",
    "numpy.dtypes",
    "numpy.strings",
    "numpy.char",
    "numpy.rec",
    "numpy.polynomial",
)

# Attributes of ``numpy`` that are tooling rather than array functions: never asked of the target.
TOOLING = {"f2py", "distutils", "core", "matlib", "testing", "tests", "conftest", "typing", "test"}

HELPER_MODULES = {"numpy.testing", "numpy.testing._private.utils", "numpy.ma.testutils"}

# Helpers that compare values. Those that take callables or plain truth values are left alone.
ASSERT_HELPERS = {
    "assert_equal",
    "assert_almost_equal",
    "assert_approx_equal",
    "assert_array_equal",
    "assert_array_almost_equal",
    "assert_array_less",
    "assert_array_compare",
    "assert_allclose",
    "assert_array_almost_equal_nulp",
    "assert_array_max_ulp",
    "assert_close",
    "assert_equal_records",
    "assert_not_equal",
    "fail_if_equal",
}

_PLAIN_TYPES = (type(None), bool, int, float, complex, str, bytes, tuple, list, dict, type(...))


class ReplacementError(RuntimeError):
    """A test module was run, wholly or in part, with the real ``numpy``."""


class Stand(types.ModuleType):
    """What a test module gets for ``numpy`` or one of its submodules."""

    def __init__(self, replacement, path):
        # IMPORT_FROM falls back to sys.modules[__name__ + "." + attr]: the name must be the
        # target's, or a name missing there would quietly be taken from NumPy.
        super().__init__(replacement.target_path(path))
        own = {"_replacement": replacement, "_path": path}
        for dunder in ("__file__", "__path__"):
            if hasattr(sys.modules[path], dunder):
                own[dunder] = getattr(sys.modules[path], dunder)
        for name, value in own.items():
            super().__setattr__(name, value)

    @property
    def __dict__(self):
        """The names of the real module, each looked up as an attribute would be."""
        found = {}
        for name in vars(self._replacement.target_module(self._path) or sys.modules[self._path]):
            with contextlib.suppress(AttributeError):
                found[name] = getattr(self, name)
        return found

    def __getattr__(self, name):
        return self._replacement.lookup(self._path, name)

    def __setattr__(self, name, value):
        """Patch the module that the name comes from, as monkeypatching tests expect."""
        setattr(self._replacement.backing(self._path, name), name, value)

    def __delattr__(self, name):
        delattr(self._replacement.backing(self._path, name), name)

    def __dir__(self):
        return dir(self._replacement.target_module(self._path) or sys.modules[self._path])


class Replacement:
    """Stands for all NumPy modules, resolved against one target."""

    def __init__(self, target):
        self.target_name = target
        self.target = importlib.import_module(target)
        self._stands = {}
        self._targets = {}
        self._public = self._index_public_objects()
        self.loaded = {}  # path of a test file -> (module, [imports answered])

    # ---- names

    def target_path(self, path):
        return self.target_name + path[len("numpy") :]

    def target_module(self, path):
        """The target's counterpart of a public NumPy module, or None."""
        if "._" in path:
            return None
        if path not in self._targets:
            found = self.target
            for part in path.split(".")[1:]:
                found = getattr(found, part, None)
            if not isinstance(found, types.ModuleType):
                found = _import_if_exists(self.target_path(path))
            self._targets[path] = found
        return self._targets[path]

    def _index_public_objects(self):
        index = {}
        for path in PUBLIC_MODULES:
            module = _import_if_exists(path)  # some exist only in newer NumPy versions
            for name in dir(module) if module else ():
                value = getattr(module, name, None)
                shared = isinstance(value, (types.ModuleType, *_PLAIN_TYPES))
                shared = shared or getattr(value, "__module__", "") == "builtins"
                if not name.startswith("_") and not shared and id(value) not in index:
                    index[id(value)] = (path, name, value)
        return index

    # ---- look-up

    def stand(self, path):
        if path not in self._stands:
            self._stands[path] = Stand(self, path)
        return self._stands[path]

    def backing(self, path, name):
        """The real module that holds ``name``: the target's where it has one."""
        module = self.target_module(path)
        return module if module is not None and hasattr(module, name) else sys.modules[path]

    def lookup(self, path, name):
        real = sys.modules[path]
        if path in HELPER_MODULES:
            return self._helper(getattr(real, name), name)
        target = self.target_module(path)
        private = name.startswith("_") and not name.endswith("__") and hasattr(real, name)
        if private or target is None or (target is real and self.target is not numpy):
            return self._public_or_private(getattr(real, name))
        try:
            value = getattr(target, name)
        except AttributeError:
            if name.startswith("_") or (path == "numpy" and name in TOOLING):
                return self._public_or_private(getattr(real, name))
            raise
        child = f"{path}.{name}"
        if isinstance(value, types.ModuleType) and child in sys.modules:
            return self.stand(child)
        return value

    def _public_or_private(self, value):
        if isinstance(value, types.ModuleType):
            return self.stand(value.__name__) if is_numpy_module(value) else value
        if id(value) not in self._public:
            return value
        return self._target_object(value)

    def _target_object(self, value):
        path, name, _ = self._public[id(value)]
        home = self.target_module(path)
        return value if home is None and path != "numpy" else getattr(home, name)

    def _helper(self, value, name):
        if isinstance(value, types.ModuleType) and is_numpy_module(value):
            return self.stand(value.__name__)
        if name not in ASSERT_HELPERS:
            return value

        @functools.wraps(value)
        def helper(*args, **kwargs):
            __tracebackhide__ = True
            kwargs = {key: self.as_numpy(arg) for key, arg in kwargs.items()}
            return value(*map(self.as_numpy, args), **kwargs)

        return helper

    def as_numpy(self, value):
        """Target arrays, also inside lists, tuples and dicts, as NumPy arrays."""
        kind = type(value)
        if kind in (list, tuple):
            return kind(map(self.as_numpy, value))
        if kind is dict:
            return {key: self.as_numpy(item) for key, item in value.items()}
        if isinstance(value, self.target.ndarray) and not isinstance(value, (numpy.ndarray, numpy.generic)):
            return numpy.asarray(value)
        return value

    # ---- import

    def importer(self, imports):
        """An ``__import__`` for one test module; names imported are appended to ``imports``."""

        def __import__(name, globals=None, locals=None, fromlist=(), level=0):
            module = builtins.__import__(name, globals, locals, fromlist, level)
            if level or name.split(".")[0] != "numpy":
                return module
            imports.append(name)
            return self.stand(name if fromlist else "numpy")

        return __import__

    def leaks(self, path):
        """Names of a loaded test module that are NumPy's and ought to be the target's."""
        module, imports = self.loaded[path]
        found = []
        if not imports and re.search(r"^\s*(import|from) numpy\b", _read(path), re.MULTILINE):
            found.append("(no import of numpy went through the replacement)")
        for name, value in vars(module).items():
            if isinstance(value, Stand):
                continue
            if isinstance(value, types.ModuleType):
                if is_numpy_module(value):
                    found.append(name)
            elif id(value) in self._public and not self._is_target_object(value):
                found.append(name)
        return found

    def _is_target_object(self, value):
        try:
            return self._target_object(value) is value
        except AttributeError:
            return False


class TestFileFinder:
    """Meta-path finder that loads test files below ``roots`` through a `Replacement`."""

    def __init__(self, replacement, roots=(NUMPY_ROOT,)):
        self.replacement = replacement
        self.roots = [os.path.realpath(root) + os.sep for root in roots]

    def is_test_file(self, origin):
        if not origin or not os.path.basename(origin).startswith("test_"):
            return False
        return os.path.realpath(origin).startswith(tuple(self.roots))

    def find_spec(self, name, path=None, target=None):
        for finder in sys.meta_path[sys.meta_path.index(self) + 1 :]:
            spec = finder.find_spec(name, path, target) if hasattr(finder, "find_spec") else None
            if spec is not None:
                if self.is_test_file(spec.origin):
                    spec.loader = ReplacingLoader(self.replacement, spec.loader, spec.origin)
                return spec
        return None


class ReplacingLoader:
    """Wraps the loader of one test module (pytest's assertion rewriter, as a rule)."""

    def __init__(self, replacement, loader, origin):
        self._replacement, self._loader, self._origin = replacement, loader, origin

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        imports = []
        private = dict(vars(builtins), __import__=self._replacement.importer(imports))
        module.__dict__["__builtins__"] = private
        self._replacement.loaded[os.path.realpath(self._origin)] = (module, imports)
        self._loader.exec_module(module)


def install(target, roots=(NUMPY_ROOT,)):
    """Replace ``numpy`` in all test files imported from now on; return the `Replacement`."""
    replacement = Replacement(target)
    sys.meta_path.insert(0, TestFileFinder(replacement, roots))
    return replacement


def is_numpy_module(module):
    return module.__name__.split(".")[0] == "numpy" and not isinstance(module, Stand)


def _import_if_exists(path):
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        return None


def _read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()
