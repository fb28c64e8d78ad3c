"""What the workers share: cells come in on standard input, one a line, and their times go out."""

import json
import os
import resource
import sys


def serve(make) -> None:
    """Makes a runner of the task in the first argument and lets it measure.

    A runner has `about`, a dictionary that says which code computes, and measure(cell), the seconds of every repetition
    of {"phase", "tokens", "batch", "context", "repeat", "steps"}. What libraries print goes to the log."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(value: dict) -> None:
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    runner = make(json.loads(sys.argv[1]))
    answer(runner.about)
    for line in sys.stdin:
        seconds = runner.measure(json.loads(line))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        answer({"seconds": seconds, "peakBytes": peak})
