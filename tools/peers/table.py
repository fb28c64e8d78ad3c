"""What came out of a contest: a table for people, rows for the record."""

import json
from pathlib import Path
from statistics import median

from contest import Program, Task

SHARES = ("shareOfCompute", "shareOfBandwidth", "shareOfRoofline")


class Outcome:
    """The results of all rounds by program and cell; a cell is (phase, batch)."""

    def __init__(self, task: Task, results: list[dict]):
        self.task = task
        self.results = results
        self.programs = list(dict.fromkeys(result["program"] for result in results))
        self.cells = list(dict.fromkeys((c["phase"], c["batch"]) for r in results for c in r["cells"]))

    def entries(self, program: Program, cell: tuple) -> list[dict]:
        """The cell of every round, in order."""
        return [
            entry
            for result in self.results
            if result["program"] == program
            for entry in result["cells"]
            if (entry["phase"], entry["batch"]) == cell
        ]

    def speeds(self, program: Program, cell: tuple) -> list[float]:
        """Tokens/s of every round: tokens over the median of the round's repetitions."""
        return [entry["tokens"] / median(entry["seconds"]) for entry in self.entries(program, cell)]

    def best_peer(self, bits: int, cell: tuple) -> Program | None:
        peers = [p for p in self.programs if p.bits == bits and p.engine != "quire" and self.speeds(p, cell)]
        return max(peers, key=lambda peer: median(self.speeds(peer, cell)), default=None)

    def ratio(self, ours: Program, peer: Program, cell: tuple) -> float:
        """The median over the rounds that both have finished of ours against theirs."""
        pairs = zip(self.speeds(ours, cell), self.speeds(peer, cell))
        return median(mine / theirs for mine, theirs in pairs)

    def result_of(self, program: Program) -> dict:
        return next(result for result in self.results if result["program"] == program)


def title(cell: tuple, task: Task) -> str:
    phase, batch = cell
    return f"prompt {task.prompt_tokens}" if phase == "prompt" else f"decode ×{batch}"


def table(outcome: Outcome) -> str:
    """Markdown: tokens/s, median of the rounds; under each kind of weights the ratios to the best peer."""
    task = outcome.task
    shape = task.shape
    header = ["tokens/s"] + [title(cell, task) for cell in outcome.cells]
    lines = [f"{shape.name}, {shape.layers} layers, {task.threads} threads, decode at context {task.context}", ""]
    for bits in sorted({program.bits for program in outcome.programs}):
        lines += [row(header), row(["---"] * len(header))]
        group = [program for program in outcome.programs if program.bits == bits]
        lines += [row([program.name] + [speed(outcome, program, cell) for cell in outcome.cells]) for program in group]
        for ours in (program for program in group if program.engine == "quire"):
            lines += verdict(outcome, ours)
        lines.append("")
    lines += notes(outcome)
    return "\n".join(lines)


def verdict(outcome: Outcome, ours: Program) -> list[str]:
    ratios, shares = [], []
    for cell in outcome.cells:
        peer = outcome.best_peer(ours.bits, cell)
        ratios.append("" if peer is None else f"{outcome.ratio(ours, peer, cell):.2f}× {peer.name}")
        entries = outcome.entries(ours, cell)
        shares.append(f"{100 * median(e['shareOfRoofline'] for e in entries):.0f}%" if entries else "")
    return [row([f"**{ours.name} / best peer**"] + ratios), row([f"{ours.name}, share of the roofline"] + shares)]


def notes(outcome: Outcome) -> list[str]:
    out = []
    for engine in dict.fromkeys(program.engine for program in outcome.programs):
        program = next(program for program in outcome.programs if program.engine == engine)
        result = outcome.result_of(program)
        out.append(f"- {result['version']}: {result['system'].strip()}")
    limits = [result["limits"] for result in outcome.results if "limits" in result]
    if limits:
        compute = [limit["int8GMACPerSecond"] for limit in limits]
        reading = [limit["readGBPerSecond"] for limit in limits]
        out.append(f"- limits by run: {spread(compute, 0)} GMAC/s int8, {spread(reading, 1)} GB/s read")
    if any(program.engine == "openvino" for program in outcome.programs):
        out.append("- openvino runs a bare graph without a cache: its decode steps read no context")
    return out


def speed(outcome: Outcome, program: Program, cell: tuple) -> str:
    speeds = outcome.speeds(program, cell)
    return f"{median(speeds):.4g} ({min(speeds):.3g}–{max(speeds):.3g})" if speeds else "–"


def spread(values: list[float], digits: int) -> str:
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def record(outcome: Outcome, path: Path, about: dict) -> int:
    """Appends a line of JSON for each program and cell; returns how many."""
    task = outcome.task
    lines = []
    for program in outcome.programs:
        result = outcome.result_of(program)
        for cell in outcome.cells:
            speeds = outcome.speeds(program, cell)
            if not speeds:
                continue
            entries = outcome.entries(program, cell)
            shares = {key: round(median(e[key] for e in entries), 4) for key in SHARES if key in entries[0]}
            limits = {"limits": entries[0]["limits"]} if "limits" in entries[0] else {}
            lines.append(
                about
                | {
                    "threads": task.threads, "shape": task.shape.name, "layers": task.shape.layers,
                    "program": program.name, "version": result["version"], "phase": cell[0], "batch": cell[1],
                    "context": 0 if cell[0] == "prompt" or program.engine == "openvino" else task.context,
                    "tokens": entries[0]["tokens"], "tokensPerSecond": round(median(speeds), 4),
                    "rounds": [round(value, 4) for value in speeds],
                }
                | shares
                | limits
            )
    with path.open("a") as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return len(lines)
