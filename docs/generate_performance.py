"""Write docs/performance.md, and the short table in README.md, from the figures that the benchmark saved.

python tests/bench/bench.py --json docs/performance.json && python docs/generate_performance.py
"""

import argparse
import json
import pathlib
import sys

DOCS = pathlib.Path(__file__).parent
README = DOCS.parent / "README.md"
PROGRAMS = DOCS / "programs.json"
BEGIN, END = "<!-- performance: generated -->", "<!-- performance: end -->"
GROUPS = {
    "small": "16 float32 elements (4×4 for `dot`)",
    "grad": "Gradients, 16 float32 elements",
    "large": "10⁶ float32 elements, one operation each",
    "chains": "Elementwise chains, float32",
    "training": "Training steps, float32",
    "convolution": "Convolutions, float32",
    "networks": "Parts of networks, forward and backward, float32",
    "memory": "Peak memory, relative to inputs and outputs",
    "import": "Importing",
}
NOTES = {
    "chains": "The same NumPy text in every library; under jit in jax, under `torch.compile` in torch_compile, "
    "otherwise as it stands. jax updates donated arrays where the others write in place.",
    "training": "Loss, gradient and update, in plain NumPy style with `grad_and_loss`; NumPy runs gradients written by "
    "hand (of the scalar loop only the forward part), jax the whole step under jit.",
    "convolution": "Forward, and the gradients by the data and by the weight, each for itself.",
    "networks": "With the gradients of everything that takes part; LeNet's step includes the update.",
    "memory": "The peak of a fresh process while a chain runs, without what the library needs for small arrays.",
}
SHOWN_IN_README = ("small", "large", "chains", "training")

sys.path.insert(0, str(DOCS.parent / "tests" / "bench"))
from machine import readable  # noqa: E402


def cell(figures, name):
    """Time of one library in one case, and its ratio to NumPy."""
    if name not in figures:
        return "–"
    one = figures[name]
    text = readable(one["median"], one["unit"])
    return f"{text} ({one['to_numpy']:.2f}×)" if "to_numpy" in one else text


def bandwidth_lines(rows):
    """What the cases that memory limits reach."""
    lines = []
    for row in rows:
        limit = row.get("bandwidth_limit")
        if limit and "minpy" in row["results"]:
            parts = ", ".join(
                f"{name} {figures['gigabytes_per_second']:.1f} GB/s ({figures['of_bandwidth']:.0%})"
                for name, figures in row["results"].items()
            )
            lines.append(f"- {row['case']}: {parts}; memory gives {limit:.1f} GB/s to copies and sums in C.")
    return ["", *lines] if lines else []


def group_table(report, group):
    names = ["minpy", *(name for name in report["versions"] if name != "minpy")]
    rows = [row for row in report["rows"] if row["group"] == group]
    names = [name for name in names if any(name in row["results"] for row in rows)]
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for row in rows:
        cells = (cell(row["results"], name) for name in names)
        lines.append(f"| `{row['case']}` | " + " | ".join(cells) + " |")
    means = report["means"][group]
    if len(rows) > 1 and group != "import":
        cells = (f"{means['to_numpy'][name]:.2f}×" if name in means["to_numpy"] else "" for name in names)
        lines.append("| geometric mean to NumPy | " + " | ".join(cells) + " |")
        others = ((name, means["minpy_to"].get(name)) for name in names)
        cells = ("" if mean is None else f"{mean:.3g}×" for _, mean in others)
        lines.append("| minpy's time to it | " + " | ".join(cells) + " |")
    return lines + bandwidth_lines(rows)


def threads_text(report):
    return f"{report['threads']} thread{'s' if report['threads'] > 1 else ''}"


def document(report):
    """docs/performance.md."""
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    busy = f"{report['busy_before']:.0%} before, {report['busy_after']:.0%} after"
    lines = [
        "# Performance",
        "",
        f"Taken on {report['date']} on {report['machine']}, Python {report['python']}, {threads_text(report)} "
        f"each; cores in use by others: {busy}. {versions}.",
        "",
        "Each figure is the median of all samples; in brackets the ratio to NumPy, the median over interleaved "
        "rounds of the quotient of the rounds' minima. Results are compared before they are timed. To take them "
        "yourself: `python tests/bench/bench.py --json docs/performance.json && python docs/generate_performance.py`.",
    ]
    for group, title in GROUPS.items():
        if any(row["group"] == group for row in report["rows"]):
            note = ["", NOTES[group]] if group in NOTES else []
            lines += ["", f"## {title}", *note, "", *group_table(report, group)]
    failures = [
        f"- {row['case']}, {name}: {error}" for row in report["rows"] for name, error in row["errors"].items()
    ]
    if failures:
        lines += ["", "## Not measured", "", *failures]
    return "\n".join(lines) + "\n"


def program_tables(report):
    """What tests/bench/gluon_programs.py saved: a table for each number of threads."""
    lines = [
        "",
        "## Gluon and Module programs",
        "",
        f"Taken on {report['date']} by `python tests/bench/gluon_programs.py --mxnet PYTHON --torch PYTHON --json "
        f"docs/programs.json`; cores in use by others: {report['busy'][0]:.0%} before, {report['busy'][-1]:.0%} after. "
        "The program is the same under minpy (`python -m minpy.mxnet`) and MXNet 1.9.1. Medians of wall clock and, in "
        "brackets, CPU time.",
    ]
    for threads, cases in report["runs"].items():
        names = list(dict.fromkeys(name for results in cases.values() for name in results))
        lines += ["", f"{'One thread' if threads == '1' else f'{threads} threads'}:", ""]
        lines += ["| | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
        for case, results in cases.items():
            cells = (
                f"{readable(r['wall'] * 1e9, 'ns')} ({readable(r['cpu'] * 1e9, 'ns')})" if r else "–"
                for r in map(results.get, names)
            )
            lines.append(f"| `{case}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def short_table(report):
    """What the README says: one line per group."""
    lines = ["| time relative to NumPy (less is faster) | mean | worst |", "|---|---|---|"]
    for group in SHOWN_IN_README:
        rows = [row for row in report["rows"] if row["group"] == group]
        ratios = [
            (row["results"]["minpy"]["to_numpy"], row["case"])
            for row in rows
            if "to_numpy" in row["results"].get("minpy", {})
        ]
        if ratios:
            ratio, case = max(ratios)
            mean = report["means"][group]["to_numpy"]["minpy"]
            lines.append(f"| {GROUPS[group]} | {mean:.2f}× | {ratio:.2f}× (`{case}`) |")
    for row in report["rows"]:
        figures = row["results"].get("minpy", {})
        if row["group"] == "import" and "to_numpy" in figures:
            lines.append(f"| {row['case']} | {figures['to_numpy']:.2f}× | |")
        if row["group"] == "grad" and "best_peer" in figures:
            best = figures["best_peer"]
            lines.append(f"| {row['case']}, 16 elements | {figures['to'][best]:.3f}× of {best} | |")
    taken = f"{report['machine']}, {report['date']}, {threads_text(report)}"
    lines.append(f"\n{taken}; all figures: docs/performance.md.")
    return "\n".join(lines)


def with_table(text, table):
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("report", nargs="?", type=pathlib.Path, default=DOCS / "performance.json")
    report = json.loads(parser.parse_args().report.read_text())
    text = document(report)
    if PROGRAMS.exists():
        text += program_tables(json.loads(PROGRAMS.read_text()))
    (DOCS / "performance.md").write_text(text)
    README.write_text(with_table(README.read_text(), short_table(report)))


if __name__ == "__main__":
    main()
