"""What came out of a contest of servers: a table for people, rows for the record."""

from statistics import median

from engines import LIMITS
from programs import Load, Program, Task


def serving_table(rows: list[dict], left_out: dict[Program, str], load: Load, about: str) -> str:
    """Markdown: a line for each program, medians of the rounds, and ours as a multiple of each peer's."""
    head = ["program", "output tokens/s", "median gap, ms", "p99 gap, ms", "p99 / median", "ours / it"]
    lines = [f"{about}, {load.clients} clients, prompt {load.prompt_tokens}, {load.answer_tokens} new", ""]
    lines += ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    rates = {program: rate(rows, program) for program in dict.fromkeys(row["program"] for row in rows)}
    for program in rates:
        own = [row for row in rows if row["program"] == program]
        p50, p99 = (median(row[name] for row in own) * 1000 for name in ("p50_seconds", "p99_seconds"))
        ours = max((rates[p] for p in rates if p.engine == "quire" and p.bits == program.bits), default=0)
        ratio = "" if program.engine == "quire" or not ours else f"{ours / rates[program]:.2f}×"
        cells = [program.name, f"{rates[program]:.1f}", f"{p50:.1f}", f"{p99:.0f}", f"{p99 / p50:.1f}", ratio]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines + [f"- {program.name} is left out: {reason}" for program, reason in left_out.items()])


def rate(rows: list[dict], program: Program) -> float:
    return median(row["output_tokens_per_second"] for row in rows if row["program"] == program)


def serving_record(rows: list[dict], task: Task, load: Load, about: dict) -> list[dict]:
    """A line for the record for each program."""
    lines = []
    for program in dict.fromkeys(row["program"] for row in rows):
        own = [row for row in rows if row["program"] == program]
        lines.append(
            about | {
                "threads": task.threads, "shape": task.shape.name, "layers": task.shape.layers, "program": program.name,
                "phase": "serving", "clients": load.clients, "promptTokens": load.prompt_tokens,
                "answerTokens": load.answer_tokens, "tokensPerSecond": round(rate(rows, program), 4),
                "rounds": [round(row["output_tokens_per_second"], 4) for row in own],
                "gapSeconds": round(median(row["p50_seconds"] for row in own), 5),
                "gapSecondsP99": round(median(row["p99_seconds"] for row in own), 5),
                "limits": {name: round(median(row["limits"][name] for row in own), 3) for name in LIMITS},
            }
        )
    return lines
