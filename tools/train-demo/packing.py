"""Training rows: short documents packed into rows of 256 tokens, each attending to itself only."""

from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy
from tokenizers import Tokenizer

import chat
import stories
import tasks
from chat import END_OF_TEXT
from stages import ROW_TOKENS, STORY, Stage

CAPACITY = ROW_TOKENS + 1
OPEN_ROWS = 24  # rows that may still be filled; more of them waste less padding and mix less far
BATCH = 1000
PADDING_DOCUMENT = 99  # above any document number a row can reach


@dataclass
class Row:
    """Equal-length lists: token, whether its prediction is trained (0 or 1), and document number."""

    tokens: list[int] = field(default_factory=list)
    scored: list[int] = field(default_factory=list)
    documents: list[int] = field(default_factory=list)

    def append(self, tokens: list[int], scored: list[int]) -> None:
        document = self.documents[-1] + 1 if self.documents else 0
        self.tokens += tokens
        self.scored += scored
        self.documents += [document] * len(tokens)

    def pad(self, token: int) -> None:
        missing = CAPACITY - len(self.tokens)
        self.tokens += [token] * missing
        self.scored += [0] * missing
        self.documents += [PADDING_DOCUMENT] * missing


def write(stage: Stage, tokenizer: Tokenizer, path: Path) -> str:
    """Packs a stage's documents into `path` (NumPy archive) and returns one line about the result.

    Arrays, each (rows, 257): `tokens` int16, `scored` uint8, `documents` uint8.
    """
    random = Random(stage.seed)
    rows = pack(stage, tokenizer, random)
    random.shuffle(rows)
    tokens = numpy.array([row.tokens for row in rows], numpy.int16)
    scored = numpy.array([row.scored for row in rows], numpy.uint8)
    documents = numpy.array([row.documents for row in rows], numpy.uint8)
    numpy.savez(path, tokens=tokens, scored=scored, documents=documents)
    filled = (documents != PADDING_DOCUMENT).mean()
    return f"{path}: {len(rows)} rows, {filled:.1%} filled, {scored.mean():.1%} of the tokens scored"


def pack(stage: Stage, tokenizer: Tokenizer, random: Random) -> list[Row]:
    """Best fit: a document goes to the fullest open row that holds it; rows open at the end are dropped."""
    end_of_text = tokenizer.token_to_id(END_OF_TEXT)
    finished: list[Row] = []
    open_rows: list[Row] = []
    for _ in range(0, stage.problem_count, BATCH):
        prompts, replies = zip(*draw_documents(stage, random))
        for prompt, reply in zip(tokenizer.encode_batch(prompts), tokenizer.encode_batch(replies)):
            tokens = prompt.ids + reply.ids
            scored = [0] * len(prompt.ids) + [1] * len(reply.ids)
            scored[0] = 0  # nothing comes before a document's first token
            fitting = [row for row in open_rows if len(row.tokens) + len(tokens) <= CAPACITY]
            row = max(fitting, key=lambda row: len(row.tokens), default=None)
            if row is None:
                if len(open_rows) == OPEN_ROWS:
                    fullest = max(open_rows, key=lambda row: len(row.tokens))
                    open_rows = [row for row in open_rows if row is not fullest]
                    fullest.pad(end_of_text)
                    finished.append(fullest)
                row = Row()
                open_rows.append(row)
            row.append(tokens, scored)
    return finished


def draw_documents(stage: Stage, random: Random) -> list[tuple[str, str]]:
    """A batch of documents as (prompt that is not trained, reply that is)."""
    documents = []
    for kind in random.choices(list(stage.mix), list(stage.mix.values()), k=BATCH):
        if kind == STORY:
            documents.append(("", stories.draw(random, test=False) + END_OF_TEXT))
        else:
            problem = tasks.draw(kind, random, test=False)
            thinking = random.random() < stage.thinking_share
            documents.append((chat.prompt(problem.question, thinking), chat.reply(problem, thinking)))
    return documents
