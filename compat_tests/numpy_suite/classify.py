"""Sort NumPy's test functions into classes by a written, static rule.

The first class of `CLASSES` wins whose file pattern matches the test file, or whose source
pattern matches the source of the test function (decorators included, comments and docstring left
out) or the qualified name. What passes or fails never plays a part. Everything that no pattern
claims is ``public``: array semantics that any program may rely on.
"""

import ast
import functools
import os
import re

from replace import NUMPY_ROOT

# Files that never touch an array of the target: build tools, type stubs, packaging, the C layer's
# own checks. They would all pass with any target and are left out of every score.
EXCLUDED = re.compile(
    r"""^(f2py|distutils|typing|_pyinstaller)/
    |^tests/test_(__all__|configtool|lazyloading|numpy_config|numpy_version|public_api|reloading
      |scripts|warnings)\.py
    |^_core/tests/test_(argparse|arraymethod|cpu_dispatcher|cpu_features|cython|extint128|hashtable
      |limited_api|simd|simd_module|_exceptions|mem_policy)\.py
    |^lib/tests/test__version\.py|^random/tests/test_extending\.py""",
    re.VERBOSE,
)

# class, files (regular expression on the path below numpy/), source or name of the function
CLASSES = (
    (
        "internals",
        r"""^(testing|tests)/(?!.*test_matlib)
        |_core/tests/test_(nditer|casting_unittests|conversion_utils|custom_dtypes
          |multithreading)\.py
        |lib/tests/test_utils\.py""",
        r"""_multiarray_tests|_umath_tests|_rational_tests|struct_ufunc|opflag_tests|\bmt\.|\bumt\.
        |\b(ncu|umath|nx|np|_core|nfb|_umath|fromnumeric)\._[a-z]|nditer|nested_iters|ctypes
        |subprocess|sys\.executable|getrefcount|HAS_REFCOUNT|PyCapsule|__array_struct__|extbuild
        |requires_memory|_no_tracing|_get_promotion|get_castingimpl|__array_namespace_info__
        |setbufsize|getbufsize|_ufunc_reconstruct|run_threaded|_add_newdoc|_UFUNC|PyObject
        |break_cycles|assert_no_gc_cycles|weakref|gc\.collect""",
    ),
    (
        "protocols",
        r"""^(ma|matrixlib)/|tests/test_matlib
        |_core/tests/test_(overrides|protocols|memmap|array_interface|scalarinherit|abc
          |arrayobject)\.py
        |lib/tests/test_mixins\.py""",
        r"""__array_\w+__|__array__|\bmatrix\b|\bmasked|np\.ma\b|\bma\.|memmap|subok|subclass
        |class\ \w+\((np\.)?(ndarray|generic|matrix|number|float\w*|int\w*)\b|MySubArray
        |SubArray|MyArray|MyNDArray|SimpleSubClass|RealSubclass|ndarray\.__new__|[sS]ub[cC]lass""",
    ),
    (
        "exotic dtypes",
        r"""_core/tests/test_(datetime|strings|stringdtype|defchararray|records|longdouble|unicode
          |dtype)\.py
        |lib/tests/test_recfunctions\.py""",
        r"""\bobject_?\b|datetime|timedelta|NaT\b|isnat|\bstr_\b|\bbytes_\b|\bvoid\b|longdouble
        |float128|float96|complex256|newbyteorder|byteswap|byteorder|rational\b|recarray|np\.rec
        |StringDType|np\.char|np\.strings|np\.record|structured|\[\('\w*',|'formats'
        |typecodes\[('All'|'AllFloat'|'Float'|'Complex')\]|'[OGgSUVMm]\d*'|'[|=<]?[OSUVMm]\d*(\[|')
        |'>\w\d+'|\bstr\b,|dtype=str|dtype=bytes|fromiter.*'S|Decimal|Fraction|dtype\(\[""",
    ),
    (
        "memory model",
        r"""_core/tests/test_(mem_overlap|dlpack|scalarbuffer)\.py
        |lib/tests/test_stride_tricks\.py""",
        r"""\.base\b|\.flags\b|\.strides\b|strides=|\.view\(|frombuffer|as_strided|memoryview|\.data\b
        |may_share_memory|shares_memory|setflags|sliding_window_view|bytearray|aligned|\bnew_order
        |tobytes|order='[KAF]'|\.resize\(|buffer=""",
    ),
    (
        "text and io",
        r"""_core/tests/test_(arrayprint|print|scalarprint)\.py
        |lib/tests/test_(io|format|loadtxt|_datasource|_iotools)\.py""",
        r"""\brepr\(|\bstr\(|printoptions|array2string|array_str|array_repr|fromfile|tofile|savetxt
        |loadtxt|genfromtxt|pickle|np\.savez?\b|np\.load\b|fromstring|signature\(|__doc__|tmp_?path
        |tempfile|\bopen\(|StringIO|BytesIO|__repr__|__str__|binary_repr|base_repr|deepcopy""",
    ),
    ("random streams", r"^random/", r"""(?!)"""),
    ("polynomial", r"^polynomial/|lib/tests/test_polynomial\.py", r"""poly(1d|fit|val)"""),
    ("public", r"", r""),
)
CLASS_NAMES = tuple(name for name, _, _ in CLASSES)

_COMPILED = tuple(
    (name, re.compile(files, re.VERBOSE), re.compile(source, re.VERBOSE)) for name, files, source in CLASSES
)


def excluded(file):
    """Whether a test file has nothing to do with arrays."""
    return bool(EXCLUDED.search(file))


@functools.cache
def classify(function_id):
    """Return the class of ``path/below/numpy.py::Class::function`` (without parameters)."""
    file, _, qualified = function_id.partition("::")
    text = qualified + "\n" + function_source(file, qualified)
    for name, files, source in _COMPILED:
        if files.search(file) or (source.pattern and source.search(text)):
            return name
    return CLASS_NAMES[-1]


def function_source(file, qualified):
    """Source of a test function without comments and docstring; '' when it is not written out."""
    *class_name, name = qualified.split("::")
    return _find(file, class_name[-1] if class_name else "", name)


@functools.cache
def _find(file, class_name, name, depth=0):
    functions, bases, imported = _index(file)
    if (class_name, name) in functions:
        return functions[class_name, name]
    for base in bases.get(class_name, ()) if depth < 9 else ():
        home = imported.get(base, file)
        found = _find(home, base, name, depth + 1)
        if found:
            return found
    return ""


@functools.cache
def _index(file):
    """Per test file: {(class, function): source}, {class: bases}, {name: file imported from}."""
    path = os.path.join(NUMPY_ROOT, file)
    if not os.path.exists(path):
        return {}, {}, {}
    with open(path, encoding="utf-8") as stream:
        tree = ast.parse(stream.read())
    functions, bases, imported = {}, {}, {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and ".tests.test_" in f".{node.module}":
            home = node.module.removeprefix("numpy.").replace(".", "/") + ".py"
            imported.update((alias.asname or alias.name, home) for alias in node.names)
        elif isinstance(node, ast.FunctionDef):
            functions["", node.name] = _source(node)
        elif isinstance(node, ast.ClassDef):
            bases[node.name] = [base.id for base in node.bases if isinstance(base, ast.Name)]
            marks = "\n".join(map(ast.unparse, node.decorator_list))
            for method in node.body:
                if isinstance(method, ast.FunctionDef):
                    functions[node.name, method.name] = marks + "\n" + _source(method)
    return functions, bases, imported


def _source(function):
    if ast.get_docstring(function, clean=False) is not None:
        function.body = function.body[1:] or [ast.Pass()]
    return ast.unparse(function)
