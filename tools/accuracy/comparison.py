"""Makes and evaluates one variant after the other."""

import datetime
import json
import shlex
import shutil
import time
from argparse import Namespace
from pathlib import Path

from environment import PeerError
from makers import ROOT, Workshop, is_recipe_file, value_count
from report import merge
from variants import Variant


def shown(path: Path) -> str:
    """The path as the record names it: relative to the project where it lies inside."""
    path = path.resolve()
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name)


class Comparison:
    """The options are those of tools/bench-accuracy."""

    def __init__(self, options: Namespace, say):
        self.options = options
        self.say = say
        folder = options.folder.resolve()
        self.workshop = Workshop(options.checkpoint.resolve(), options.quire.resolve(), folder, options.threads, say)
        self.reasons: dict[str, str] = {}  # why a variant is left out, by its name

    def run(self, wanted: list[Variant]) -> list[dict]:
        """A row for each variant that could be made. An interrupt ends it; what has been measured counts."""
        rows = []
        try:
            for index, variant in enumerate(wanted):
                self.say(f"{index + 1} of {len(wanted)}: {variant.name}")
                try:
                    row = self.row(variant)
                except PeerError as error:
                    self.reasons[variant.name] = str(error)
                    self.say(f"{variant.name} is left out: {error}")
                    continue
                rows.append(row)
                if not self.options.no_record and not is_recipe_file(variant.form):
                    merge(self.options.output, row)
        except KeyboardInterrupt:
            self.say("interrupted: the rest is left out")
        return rows

    def row(self, variant: Variant) -> dict:
        begin = time.monotonic()
        made = self.workshop.make(variant)
        seconds = time.monotonic() - begin
        models = [made.floats] + ([made.pack] if made.pack else [])
        evaluation = self.evaluate(models)
        floats, *packs = evaluation["rows"][1:]
        parameters = value_count(made.floats)
        result = {
            "name": variant.name, "tool": variant.maker, "form": variant.form, "importanceMatrix": variant.weighted,
            "version": made.version, "bits": round(8 * made.bytes / parameters, 4), "bytes": made.bytes,
            "parameters": parameters, "types": made.types, "kl": floats["klMean"], "klError": floats["klMeanError"],
            "topOne": floats["topOneAgreement"], "topOneError": floats["topOneAgreementError"],
            "perplexity": floats["perplexity"], "perplexityRatio": floats["perplexityRatio"],
            "checkpoint": shown(self.options.checkpoint), "text": shown(self.options.text),
            "tokens": evaluation["method"]["text"]["scoredTokens"], "secondsToMake": round(seconds, 1),
            "quire": evaluation["provenance"]["program"], "command": self.command(variant),
            "date": datetime.date.today().isoformat(),
        } | made.notes  # fmt: skip
        for pack in packs:
            result |= {
                "klAsItRuns": pack["klMean"], "klAsItRunsError": pack["klMeanError"],
                "topOneAsItRuns": pack["topOneAgreement"], "perplexityAsItRuns": pack["perplexity"],
            }  # fmt: skip
        if not self.options.keep:
            shutil.rmtree(self.workshop.folder / "models" / variant.name)
        return result

    def command(self, variant: Variant) -> str:
        """What makes the row again."""
        checkpoint, text = shown(self.options.checkpoint), shown(self.options.text)
        return shlex.join(["tools/bench-accuracy", checkpoint, "--text", text, "--only", variant.name])

    def evaluate(self, models: list[Path]) -> dict:
        """The rows of one evaluation, the reference first, whose results are kept for the next one."""
        report = self.workshop.folder / "models" / "evaluation.json"
        self.workshop.quire(
            "evaluate", *models, "--reference", self.options.checkpoint.resolve(), "--text", self.options.text.resolve(),
            "--no-tasks", "--no-speed", "--threads", self.options.threads, "--json", report, "--force", "--quiet",
        )  # fmt: skip
        return json.loads(report.read_text())
