"""The training plan of the demo model: what it reads, how much of it, and how the rates move.

Everything is counted in steps and drawn from seeds, so a rerun reads the same rows in the same order.
"""

ROW_TOKENS = 256  # a packed row holds one more, so that every position has a successor
STORY = "story"

# How often each task and the stories are drawn.
MIX = {
    "add": 1.4, "sub": 1.0, "mul": 2.4, "sum": 1.8, "chain": 1.8, "cups": 0.8,
    "count": 0.4, "sort": 0.5, "word": 1.8, STORY: 1.2,
}  # fmt: skip
THINKING_SHARE = 0.6  # of the problems, shown with their thought
DIRECT_WEIGHT = 3  # of a reply without thought in the loss: it has a tenth of the tokens and the hardest ones
SYSTEM_SHARE = 0.15  # of the problems, after a system prompt
SECOND_TURN_SHARE = 0.15  # of the problems, after another question and its answer

SHARDS = 144  # row files
SHARD_DOCUMENTS = 24_000  # drawn for each of them, with the shard's number as seed

ROWS_PER_STEP = 256
STEPS = 8_000
# Of the query heads, left out at random in every row while training, so that the others learn to do without:
# a model so small has no spare heads otherwise, while large ones have many.
HEAD_DROP = 0.08
