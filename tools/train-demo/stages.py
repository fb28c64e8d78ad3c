"""The training recipe of the demo model: two stages over two mixes of the same tasks.

The shipped weights came from 993 steps of 16 rows of 256 tokens: a first stage over an even mix, then a
second one that starts from its weights with a fresh optimizer at half the learning rate, over a mix
turned towards what the first had learned least (`word`, `sum`, `count`). How the 993 steps were divided
and how the two row files were seeded was not recorded; `steps`, `problem_count` and `seed` here are
choices of this file, so a run of it gives a model of the same kind, not the same bytes.
"""

from dataclasses import dataclass

ROW_TOKENS = 256  # a packed row holds one more, so that every position has a successor
ROWS_PER_STEP = 16
STORY = "story"


@dataclass(frozen=True)
class Stage:
    """One pass of training.

    `mix` weighs the tasks and the stories against each other; `thinking_share` is the share of problems
    shown with their thought; `peak` multiplies both base learning rates.
    """

    name: str
    mix: dict[str, float]
    thinking_share: float
    problem_count: int
    seed: int
    steps: int
    peak: float


STAGES = [
    Stage(
        name="stage1",
        mix={
            "add": 1.2, "sub": 1.2, "mul": 1.3, "sum": 1.2, "chain": 1.0, "cups": 0.7,
            "count": 0.9, "sort": 0.9, "word": 1.3, STORY: 1.2,
        },  # fmt: skip
        thinking_share=0.6,
        problem_count=50_000,
        seed=1,
        steps=593,
        peak=1.0,
    ),
    Stage(
        name="stage2",
        mix={
            "add": 1.0, "sub": 1.0, "mul": 1.0, "sum": 1.6, "chain": 0.7, "cups": 0.6,
            "count": 1.8, "sort": 0.9, "word": 2.5, STORY: 1.0,
        },  # fmt: skip
        thinking_share=0.5,
        problem_count=35_000,
        seed=2,
        steps=400,
        peak=0.5,
    ),
]  # fmt: skip
