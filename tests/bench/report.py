"""Figures from samples: medians, ratios, geometric means, and the line that is printed for a case."""

import math
import statistics

import machine


def summary(rounds, unit="ns"):
    """The figures of one target in one case, from its rounds of samples."""
    samples = [sample for one in rounds for sample in one]
    middle = statistics.median(samples)
    quartiles = statistics.quantiles(samples, n=4) if len(samples) > 1 else [middle] * 3
    return {
        "min": min(samples),
        "median": middle,
        "spread": (quartiles[2] - quartiles[0]) / middle,
        "round_minima": [min(one) for one in rounds],
        "unit": unit,
    }


def ratio(figures, other):
    """The median over the rounds of the quotient of the rounds' minima."""
    pairs = zip(figures["round_minima"], other["round_minima"], strict=True)
    return statistics.median(mine / theirs for mine, theirs in pairs)


def row(group, name, samples, errors, unit="ns"):
    """A case with its figures: every target's ratio to NumPy, and minpy's ratio to every other target."""
    results = {target: summary(rounds, unit) for target, rounds in samples.items()}
    for target, figures in results.items():
        if "numpy" in results and target != "numpy":
            figures["to_numpy"] = ratio(figures, results["numpy"])
    if "minpy" in results:
        mine = results["minpy"]
        mine["to"] = {other: ratio(mine, results[other]) for other in results if other != "minpy"}
        peers = [other for other in mine["to"] if other != "numpy"]
        if peers:
            mine["best_peer"] = max(peers, key=mine["to"].get)
    return {"group": group, "case": name, "results": results, "errors": errors}


def add_bandwidth(case_row, size, limit):
    """Gigabytes per second of every target, and its share of what memory gave in the same rounds."""
    limit = summary(limit)
    for figures in case_row["results"].values():
        figures["gigabytes_per_second"] = size / statistics.median(figures["round_minima"])
        figures["of_bandwidth"] = ratio(limit, figures)
    case_row["bandwidth_limit"] = size / statistics.median(limit["round_minima"])


def figures_text(target, figures):
    text = f"{target} {machine.readable(figures['median'], figures['unit'])} ±{figures['spread'] / 2:.0%}"
    if "to_numpy" in figures:
        text += f" ({figures['to_numpy']:.2f}x)"
    if "of_bandwidth" in figures:
        text += f" {figures['gigabytes_per_second']:.1f} GB/s = {figures['of_bandwidth']:.0%}"
    return text


def line(case_row):
    """One line of text for a case."""
    parts = [figures_text(target, figures) for target, figures in case_row["results"].items()]
    mine = case_row["results"].get("minpy", {})
    if "best_peer" in mine:
        parts.append(f"minpy to {mine['best_peer']}: {mine['to'][mine['best_peer']]:.3f}x")
    if "bandwidth_limit" in case_row:
        parts.append(f"memory {case_row['bandwidth_limit']:.1f} GB/s")
    parts += [f"{target}: {error}" for target, error in case_row["errors"].items()]
    return f"{case_row['case']:26} {' | '.join(parts)}"


def geometric_mean(values):
    return math.exp(statistics.mean(map(math.log, values)))


def means(rows):
    """By group: every target's mean ratio to NumPy, and minpy's to every other target, each over common cases."""
    by_group = {}
    for case_row in rows:
        group = by_group.setdefault(case_row["group"], {"to_numpy": {}, "minpy_to": {}})
        results = case_row["results"]
        for target, figures in results.items():
            if "to_numpy" in figures:
                group["to_numpy"].setdefault(target, []).append(figures["to_numpy"])
        for other, value in results.get("minpy", {}).get("to", {}).items():
            group["minpy_to"].setdefault(other, []).append(value)
    return {
        group: {
            kind: {target: geometric_mean(values) for target, values in figures.items()}
            for kind, figures in kinds.items()
        }
        for group, kinds in by_group.items()
    }
