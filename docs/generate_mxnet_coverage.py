"""Write docs/mxnet_coverage.md: which of MXNet's public names exist, by module and by how much they are used.

    python docs/generate_mxnet_coverage.py [--check]

The names are those of compat_tests/mxnet/names.txt. A name counts when it is found under `minpy.mxnet`, which is what
`import mxnet` gives programs; a method counts when a public class of minpy, or of Python, has it.
"""

import argparse
import builtins
import importlib
import inspect
import pathlib
import pkgutil
import re
import sys
import textwrap

import minpy
import minpy.mxnet

HERE = pathlib.Path(__file__).parent
PATH = HERE / "mxnet_coverage.md"
NAMES = HERE.parent / "compat_tests" / "mxnet" / "names.txt"
# Why a name is absent; the first pattern that its full name matches counts.
REASONS = (
    (r"quantiz|calib|requantize|intgemm|mkldnn|onednn", "quantised oneDNN"),
    (r"tvm|_tvm_handle", "TVM"),
    (r"dgl_|edge_id|getnnz", "graphs for DGL"),
    (
        r"check_call|c_str|c_array|py_str|_LIB|MXCallbackList|ctypes|mx_(u?int|float|real)|string_types"
        r"|numeric_types|integer_types|_Null|classproperty|with_metaclass|constraint_check|CachedOp|c_handle|build_param_doc"
        r"|data_dir|add_fileline",
        "helpers of MXNet's C interface",
    ),
    (r"\.backward_", "gradients as operators, which the tape computes"),
    (r"hawkesll|RROIAlign", "operators for point processes and rotated regions"),
    (
        r"sparse\.(adagrad_update|gs_retain|retain)",
        "sparse storage within graphs; optimizers and retain do it for arrays",
    ),
    (
        r"sym\.random\.(randn|shuffle)|\.NDabs$|init(ializer)?\.load$",
        "second names: random.normal, nd.shuffle, abs, Load",
    ),
    (
        r"set_kvstore_handle|DataParallelExecutor|KVStoreServer",
        "inner parts of Module and of server processes",
    ),
    (r"rtc|CudaModule|CudaKernel", "CUDA sources"),
    (r"PythonOp|NumpyOp|NDArrayOp", "operators older than CustomOp"),
    (r"indexing_key_expand|get_indexing_dispatch|get_oshape_of", "inner parts of indexing"),
    (
        r"\.(NDArray|Symbol|Context|AttrScope|MXNetError|Data(Desc|Batch|Iter)|is_np_array|is_np_shape|np_array|np_shape"
        r"|current_context|Features|cpu|uniform|Uniform|load_json|KVStoreServer)$",
        "names that a module imports from another one, where they are",
    ),
)
OTHER = "others"


def read_names():
    """(modules with their names, names with the number of programs that use them)."""
    modules, usage = {}, {}
    for line in NAMES.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        head, names = line.split(": ", 1)
        if head.startswith("usage "):
            usage.update(dict.fromkeys(names.split(), int(head.split()[1])))
        else:
            modules[head] = names.split()
    return modules, usage


def look_up(path):
    """What a dotted name after `mx.` stands for; None when there is nothing."""
    found = minpy.mxnet
    parts = path.split(".")
    for i, part in enumerate(parts):
        try:
            found = getattr(found, part)
        except AttributeError:
            try:
                found = importlib.import_module(".".join(["minpy", *parts[: i + 1]]))
            except ImportError:
                return None
    return found


def has(path):
    """Whether there is something by a dotted name after `mx.`."""
    return look_up(path) is not None


def _members():
    """The names of the attributes of all public classes of minpy and of Python's own."""
    names = set()
    for info in pkgutil.walk_packages(minpy.__path__, "minpy."):
        if re.search(r"\._|\.__main__|examples|pytest_plugin|minpy\.mxnet", info.name):
            continue
        module = importlib.import_module(info.name)
        for value in list(vars(module).values()):
            if inspect.isclass(value):
                names.update(dir(value))
                names.update(re.findall(r"self\.([a-z]\w*) *[=,]", _source(value)))
    for value in vars(builtins).values():
        if inspect.isclass(value):
            names.update(dir(value))
    return names


def _source(value):
    try:
        return inspect.getsource(value)
    except (OSError, TypeError):
        return ""


def is_used_name_there(name, members):
    """Whether a name of the list of uses exists."""
    if name.startswith("."):
        return name[1:] in members
    if name.startswith("op."):
        return any(has(f"{space}.{name[3:]}") for space in ("nd", "sym"))
    return has(name)


def reason(path):
    """Why a name is absent."""
    return next((why for pattern, why in REASONS if re.search(pattern, path)), OTHER)


def module_rows(modules):
    """Markdown rows of the modules, and the absent names by reason."""
    rows, absent, total, there = [], {}, 0, 0
    for module, names in modules.items():
        prefix = module.removeprefix("mx").lstrip(".")
        missing = [n for n in names if not has(f"{prefix}.{n}" if prefix else n)]
        for name in missing:
            absent.setdefault(reason(f"{module}.{name}"), []).append(f"{module}.{name}")
        total, there = total + len(names), there + len(names) - len(missing)
        rows.append(f"| {module} | {len(names)} | {len(names) - len(missing)} |")
    rows.append(f"| all | {total} | {there} ({there / total:.1%}) |")
    return rows, absent


def usage_lines(usage):
    """Lines on the names that programs use."""
    members = _members()
    missing = {n: count for n, count in usage.items() if not is_used_name_there(n, members)}
    weight, lost = sum(usage.values()), sum(missing.values())
    most = sorted(missing.items(), key=lambda item: (-item[1], item[0]))[:60]
    return [
        _wrapped(
            f"{len(usage)} names are used by 2517 programs, {weight} times in all (once per program). Of the names"
            f" {1 - len(missing) / len(usage):.1%} are there, of the uses {1 - lost / weight:.1%}."
        ),
        "",
        _wrapped(
            "Absent, with the number of programs: " + ", ".join(f"{n} {count}" for n, count in most) + "."
        ),
    ]


def _wrapped(text):
    return textwrap.fill(
        text, 118, subsequent_indent="  " if text.startswith("-") else "", break_on_hyphens=False
    )


def page():
    """The text of the page."""
    modules, usage = read_names()
    rows, absent = module_rows(modules)
    lines = [
        "# Coverage of MXNet's names",
        "",
        "Generated by docs/generate_mxnet_coverage.py. The names are those of MXNet 1.9.1's modules, with what they import;",
        "differences in behaviour are in mxnet_differences.md.",
        "",
        "## In use",
        "",
        *usage_lines(usage),
        "",
        "## By module",
        "",
        "| Module | Names | There |",
        "|---|---:|---:|",
        *rows,
        "",
        "## Absent",
        "",
    ]
    for why in sorted(absent, key=lambda w: (w == OTHER, w)):
        lines.append(_wrapped(f"- **{why}**: {', '.join(sorted(absent[why]))}"))
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when the page is not up to date")
    text = page()
    if parser.parse_args().check:
        return 0 if PATH.read_text() == text else "docs/mxnet_coverage.md is out of date"
    PATH.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
