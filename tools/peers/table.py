"""What came out of a contest: tables for people, rows for the record."""

import json
from pathlib import Path
from statistics import median

from programs import Cell, Program, Task

SHARES = ("shareOfCompute", "shareOfBandwidth", "shareOfRoofline", "gbPerSecond")


class Outcome:
    """The results of all rounds by program and cell."""

    def __init__(self, task: Task, results: list[dict], left_out: dict[Program, str]):
        self.task = task
        self.results = results
        self.left_out = left_out
        self.programs = list(dict.fromkeys(result["program"] for result in results))

    def entries(self, program: Program, cell: Cell) -> list[dict]:
        """The cell of every round, in order."""
        found = [result["cells"] for result in self.results if result["program"] == program]
        return [entry for entries in found for entry in entries if entry["cell"] == cell]

    def speeds(self, program: Program, cell: Cell) -> list[float]:
        """Tokens/s of every round: tokens over the median of the round's repetitions."""
        return [cell.computed / median(entry["seconds"]) for entry in self.entries(program, cell)]

    def best_peer(self, bits: int, cell: Cell) -> Program | None:
        peers = [p for p in self.programs if p.bits == bits and p.engine != "quire" and self.speeds(p, cell)]
        return max(peers, key=lambda peer: median(self.speeds(peer, cell)), default=None)

    def ratio(self, ours: Program, peer: Program, cell: Cell) -> float:
        """The median over the rounds that both have finished of ours against theirs."""
        pairs = zip(self.speeds(ours, cell), self.speeds(peer, cell))
        return median(mine / theirs for mine, theirs in pairs)

    def about(self, program: Program) -> dict:
        return next(result["about"] for result in self.results if result["program"] == program)


def table(outcome: Outcome) -> str:
    """Markdown: prompts, then decoding at each context; tokens/s, median of the rounds, and ratios to the best peer."""
    task = outcome.task
    lines = [f"{task.shape.name}, {task.shape.layers} layers, {task.threads} threads, tokens/s", ""]
    cells = task.cells
    for bits in sorted({program.bits for program in outcome.programs}):
        prompts = [cell for cell in cells if cell.phase == "prompt"]
        lines += part(outcome, bits, "prompts", prompts)
        for context in task.contexts:
            steps = [cell for cell in cells if cell.phase == "decode" and cell.context == context]
            lines += part(outcome, bits, f"decode after {context}", steps)
    lines += reading(outcome)
    return "\n".join(lines + notes(outcome))


def part(outcome: Outcome, bits: int, title: str, cells: list[Cell]) -> list[str]:
    if not cells:
        return []
    names = [str(cell.tokens) if cell.phase == "prompt" else f"×{cell.batch}" for cell in cells]
    lines = [row([f"{bits} bits, {title}"] + names), row(["---"] * (len(cells) + 1))]
    group = [program for program in outcome.programs if program.bits == bits]
    lines += [row([program.name] + [speed(outcome, program, cell) for cell in cells]) for program in group]
    for ours in (program for program in group if program.engine == "quire"):
        lines += verdict(outcome, ours, cells)
    return lines + [""]


def verdict(outcome: Outcome, ours: Program, cells: list[Cell]) -> list[str]:
    ratios, shares = [], []
    for cell in cells:
        peer = outcome.best_peer(ours.bits, cell)
        ratios.append("" if peer is None else f"{outcome.ratio(ours, peer, cell):.2f}× {peer.name}")
        entries = outcome.entries(ours, cell)
        shares.append(f"{100 * median(e['shareOfRoofline'] for e in entries):.0f}%" if entries else "")
    return [row([f"**{ours.name} / best peer**"] + ratios), row([f"{ours.name}, share of the roofline"] + shares)]


def reading(outcome: Outcome) -> list[str]:
    """One sequence as bytes a second, beside what the probe read in the same minutes."""
    cells = [cell for cell in outcome.task.cells if cell.phase == "decode" and cell.batch == 1]
    if not cells:
        return []
    lines = [row(["one sequence, GB/s of the probe's"] + [f"after {cell.context}" for cell in cells])]
    lines.append(row(["---"] * (len(cells) + 1)))
    for program in outcome.programs:
        values = []
        for cell in cells:
            entries = outcome.entries(program, cell)
            read = median(entry["gbPerSecond"] for entry in entries)
            limit = median(entry["limits"]["readGBPerSecond"] for entry in entries)
            values.append(f"{read:.1f} of {limit:.1f}")
        lines.append(row([program.name] + values))
    return lines + [""]


def notes(outcome: Outcome) -> list[str]:
    out = []
    for program in outcome.programs:
        about = outcome.about(program)
        kernels = f"; {', '.join(about['kernels'])}" if about["kernels"] else ""
        out.append(f"- {program.name}: {about['version']}; {about['system'].strip()}{kernels}")
    entries = [entry for result in outcome.results for entry in result["cells"]]
    compute = [entry["limits"]["int8GMACPerSecond"] for entry in entries]
    read = [entry["limits"]["readGBPerSecond"] for entry in entries]
    if entries:
        again = sum(entry["tries"] > 1 for entry in entries)
        out.append(
            f"- limits beside the cells: {spread(compute, 0)} GMAC/s int8, {spread(read, 1)} GB/s read; {again} of {len(entries)} cells were measured again"
        )
    return out + [f"- {program.name} is left out: {reason}" for program, reason in outcome.left_out.items()]


def speed(outcome: Outcome, program: Program, cell: Cell) -> str:
    speeds = outcome.speeds(program, cell)
    return f"{median(speeds):.4g} ({min(speeds):.3g}–{max(speeds):.3g})" if speeds else "–"


def spread(values: list[float], digits: int) -> str:
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def record(outcome: Outcome, path: Path, about: dict) -> int:
    """Appends a line of JSON for each program and cell; returns how many."""
    lines = [
        about | line_of(outcome, program, cell)
        for program in outcome.programs
        for cell in outcome.task.cells
        if outcome.speeds(program, cell)
    ]
    with path.open("a") as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return len(lines)


def line_of(outcome: Outcome, program: Program, cell: Cell) -> dict:
    task = outcome.task
    entries, speeds = outcome.entries(program, cell), outcome.speeds(program, cell)
    shares = {key: round(median(entry[key] for entry in entries), 4) for key in SHARES if key in entries[0]}
    limits = {key: round(median(entry["limits"][key] for entry in entries), 3) for key in entries[0]["limits"]}
    return {
        "threads": task.threads, "shape": task.shape.name, "layers": task.shape.layers, "program": program.name,
        "version": outcome.about(program)["version"], "phase": cell.phase, "batch": cell.batch, "context": cell.context,
        "tokens": cell.computed, "tokensPerSecond": round(median(speeds), 4),
        "rounds": [round(value, 4) for value in speeds], "limits": limits,
        "system": outcome.about(program)["system"], "kernels": outcome.about(program)["kernels"],
    } | shares
