"""The records of a comparison, its table, and what it says about Quire's curve."""

import json
from pathlib import Path

from curve import Point, Verdict, below, corners, unmatched
from environment import PeerError

ROW_KEYS = {"checkpoint", "text", "name", "tool", "bits", "kl", "klError", "topOne", "perplexity", "types"}
BAR = (3.5, 5.0)  # bits per weight between which no other type may lie below our curve


def read(path: Path) -> list[dict]:
    """The rows of a file, none when it is not there. Raises PeerError for a file that holds something else."""
    rows = []
    for number, line in enumerate(path.read_text().splitlines() if path.exists() else [], 1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or not ROW_KEYS <= row.keys():
            raise PeerError(f"expected a row of results in {path}, line {number}, found '{line[:40]}'; correct or remove it")
        rows.append(row)
    return rows


def merge(path: Path, row: dict) -> None:
    """Writes the row to the file, in place of that of the same model, text and name."""

    def key(row: dict) -> tuple:
        return row["checkpoint"], row["text"], row["name"]

    rows = [other for other in read(path) if key(other) != key(row)] + [row]
    rows.sort(key=lambda row: (row["checkpoint"], row["text"], row["bits"], row["name"]))
    partial = path.with_name(path.name + ".partial")
    partial.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    partial.replace(path)


def table(rows: list[dict]) -> str:
    """Markdown, by size."""
    header = ["bits/weight", "what", "mean KL of the weights ±", "as it runs", "top-1 %", "perplexity", "types of matrices"]
    lines = [_line(header), _line(["---"] * len(header))]
    for row in sorted(rows, key=lambda row: row["bits"]):
        name = f"**{row['name']}**" if row["tool"] == "quire" else row["name"]
        types = ", ".join(f"{count} {kind}" for kind, count in row["types"].items())
        lines.append(_line([
            f"{row['bits']:.2f}", name, f"{row['kl']:.6f} ± {row['klError']:.6f}",
            f"{row['klAsItRuns']:.6f}" if "klAsItRuns" in row else "", f"{100 * row['topOne']:.2f}",
            f"{row['perplexity']:.4f}", types,
        ]))  # fmt: skip
    return "\n".join(lines)


def compact_table(rows: list[dict]) -> str:
    """Markdown, by size: a line for each form, without and with an importance matrix; recipes as weights and as they run."""
    forms: dict[tuple, dict] = {}
    for row in rows:
        forms.setdefault((row["tool"], row["form"]), {})[row["importanceMatrix"]] = row
    header = ["bits/weight", "what", "mean KL", "other", "top-1 %"]
    lines = [_line(header), _line(["---"] * len(header))]
    for (tool, form), pair in sorted(forms.items(), key=lambda item: min(row["bits"] for row in item[1].values())):
        plain, weighted = pair.get(False), pair.get(True)
        found = [row for row in (plain, weighted) if row]
        bits = " / ".join(dict.fromkeys(f"{row['bits']:.2f}" for row in found))
        tops = " / ".join(f"{100 * row['topOne']:.1f}" for row in found)
        divergence = f"{plain['kl']:.6f}" if plain else "–"
        other = f"{weighted['kl']:.6f} with a matrix" if weighted else ""
        if tool == "quire":
            other = f"{plain['klAsItRuns']:.6f} as it runs"
        name = f"**{form}**" if tool == "quire" else f"{tool} {form}"
        lines.append(_line([bits, name, divergence, other, tops]))
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def findings(rows: list[dict]) -> str:
    """Which models of other tools lie below Quire's curve, with its weights alone and as it runs."""
    ours = [row for row in rows if row["tool"] == "quire"]
    others = [_point(row, "kl") for row in rows if row["tool"] != "quire"]
    if not ours or not others:
        return "No curve is judged: that takes recipes of Quire and models of other tools."
    parts = []
    for member, title in (("kl", "weights alone"), ("klAsItRuns", "as Quire runs it, others by their weights alone")):
        own = [_point(row, member) for row in ours]
        hull = corners(own)
        parts.append(f"Quire's curve, {title}: " + ", ".join(f"{c.name} {c.bits:.2f}/{c.divergence:.6f}" for c in hull))
        parts += _judged(below(others, hull), others, hull)
        single = [f"{p.name} ({p.bits:.2f}, {p.divergence:.6f})" for p in unmatched(others, own) if _in_bar(p)]
        parts.append(
            f"  between {BAR[0]:g} and {BAR[1]:g} bits, not matched by one recipe of equal or fewer bits: "
            + (", ".join(single) or "none")
        )
    return "\n".join(parts)


def _point(row: dict, member: str) -> Point:
    return Point(row["name"], row["bits"], row[member], row[member + "Error"])


def _in_bar(point: Point) -> bool:
    return BAR[0] <= point.bits <= BAR[1]


def _judged(verdicts: list[Verdict], others: list[Point], hull: list[Point]) -> list[str]:
    lines = []
    inside = [verdict for verdict in verdicts if _in_bar(verdict.point)]
    outside = [verdict for verdict in verdicts if not _in_bar(verdict.point)]
    for title, found in ((f"between {BAR[0]:g} and {BAR[1]:g} bits", inside), ("elsewhere", outside)):
        names = [
            f"{v.point.name} ({v.point.bits:.2f}, {v.point.divergence:.6f}; the curve {v.ours:.6f}"
            + (")" if v.is_certain else ", within two standard errors)")
            for v in found
        ]
        lines.append(f"  below it {title}: " + (", ".join(names) or "none"))
    first = hull[0]
    smaller = [point.name for point in others if point.bits < first.bits and point.divergence >= first.divergence]
    if smaller:
        lines.append(f"  smaller than every recipe with a larger KL, not judged: {', '.join(smaller)}")
    return lines
