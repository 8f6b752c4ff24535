"""Write docs/performance.md, and the short table in README.md, from the figures that the benchmark saved.

python tests/bench/bench.py --json docs/performance.json && python docs/generate_performance.py
"""

import argparse
import json
import pathlib
import sys

DOCS = pathlib.Path(__file__).parent
README = DOCS.parent / "README.md"
BEGIN, END = "<!-- performance: generated -->", "<!-- performance: end -->"
GROUPS = {
    "small": "16 float32 elements (4×4 for `dot`)",
    "grad": "Gradients, 16 float32 elements",
    "large": "10⁶ float32 elements, one thread",
    "import": "Importing",
}

sys.path.insert(0, str(DOCS.parent / "tests" / "bench"))
from machine import readable  # noqa: E402


def cell(figures, name):
    """Time of one library in one case, and its ratio to NumPy."""
    if name not in figures:
        return "–"
    one = figures[name]
    text = readable(one["min"], one.get("unit", "ns"))
    return f"{text} ({one['to_numpy']:.2f}×)" if "to_numpy" in one else text


def group_table(report, group):
    names = ["minpy", *(name for name in report["versions"] if name != "minpy")]
    rows = [row for row in report["rows"] if row["group"] == group]
    names = [name for name in names if any(name in row["results"] for row in rows)]
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for row in rows:
        cells = (cell(row["results"], name) for name in names)
        lines.append(f"| `{row['case']}` | " + " | ".join(cells) + " |")
    mean = report["geometric_means"].get(group)
    if mean and group != "import":
        lines += ["", f"Geometric mean of minpy's ratios to NumPy: {mean:.2f}×."]
    return lines


def document(report):
    """docs/performance.md."""
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    load = f"{report['load_before']:.1f} before, {report['load_after']:.1f} after"
    lines = [
        "# Performance",
        "",
        f"Taken on {report['date']} on {report['machine']}, Python {report['python']}, {report['threads']} thread "
        f"each; load average {load}. {versions}.",
        "",
        "Each figure is the fastest of all samples; in brackets the ratio to NumPy, the median over interleaved "
        "rounds. Results are compared before they are timed. To take them yourself: "
        "`python tests/bench/bench.py --json docs/performance.json && python docs/generate_performance.py`.",
    ]
    for group, title in GROUPS.items():
        if any(row["group"] == group for row in report["rows"]):
            lines += ["", f"## {title}", "", *group_table(report, group)]
    return "\n".join(lines) + "\n"


def short_table(report):
    """What the README says: one line per group."""
    lines = ["| time relative to NumPy (less is faster) | mean | worst |", "|---|---|---|"]
    for group in ("small", "large"):
        rows = [row for row in report["rows"] if row["group"] == group and "minpy" in row["results"]]
        if not rows:
            continue
        worst = max(rows, key=lambda row: row["results"]["minpy"]["to_numpy"])
        ratio = worst["results"]["minpy"]["to_numpy"]
        mean = report["geometric_means"][group]
        lines.append(f"| {GROUPS[group]} | {mean:.2f}× | {ratio:.2f}× (`{worst['case']}`) |")
    for row in report["rows"]:
        figures = row["results"].get("minpy", {})
        if row["group"] == "import" and "to_numpy" in figures:
            lines.append(f"| {row['case']} | {figures['to_numpy']:.2f}× | |")
        if row["group"] == "grad" and "best_peer" in figures:
            text = f"{figures['to_best_peer']:.3f}× of {figures['best_peer']}"
            lines.append(f"| {row['case']}, 16 elements | {text} | |")
    lines.append(f"\n{report['machine']}, {report['date']}, one thread; all figures: docs/performance.md.")
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
    (DOCS / "performance.md").write_text(document(report))
    README.write_text(with_table(README.read_text(), short_table(report)))


if __name__ == "__main__":
    main()
