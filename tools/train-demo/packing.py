"""Training rows: short documents packed into rows of 256 tokens, each attending to itself only."""

from dataclasses import dataclass, field
from multiprocessing import Pool
from pathlib import Path
from random import Random

import numpy
from tokenizers import Tokenizer

import chat
import plan
import stories
import tasks
from chat import END_OF_TEXT

CAPACITY = plan.ROW_TOKENS + 1
OPEN_ROWS = 24  # rows that may still be filled; more of them waste less padding and mix less far
BATCH = 1000
PADDING_DOCUMENT = 255  # above any document number a row can reach


@dataclass
class Document:
    """Tokens with each one's weight in the loss; 0 where nothing is trained."""

    tokens: list[int]
    weights: list[int]


@dataclass
class Row:
    """Equal-length lists: token, its weight in the loss, and document number."""

    tokens: list[int] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    def append(self, document: Document) -> None:
        number = self.numbers[-1] + 1 if self.numbers else 0
        self.tokens += document.tokens
        self.weights += document.weights
        self.numbers += [number] * len(document.tokens)

    def pad(self, token: int) -> None:
        missing = CAPACITY - len(self.tokens)
        self.tokens += [token] * missing
        self.weights += [0] * missing
        self.numbers += [PADDING_DOCUMENT] * missing


def write_all(tokenizer: Path, folder: Path, shards: int, processes: int):
    """Writes the shards that `folder` lacks, several at a time; yields one line about each."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [(tokenizer, shard_path(folder, shard), shard) for shard in range(shards)]
    with Pool(processes) as pool:
        yield from pool.imap(write, [entry for entry in missing if not entry[1].exists()])


def shard_path(folder: Path, shard: int) -> Path:
    return folder / f"rows-{shard:03}.npy"


def write(entry: tuple[Path, Path, int]) -> str:
    """Packs one shard's documents into a NumPy file and returns one line about the result.

    The array is (3, rows, 257) int16: tokens, weights in the loss, document numbers. The file appears
    when it is complete.
    """
    tokenizer_path, path, shard = entry
    tokenizer = Tokenizer.from_file(str(tokenizer_path))
    random = Random(shard)
    rows = pack(tokenizer, random)
    random.shuffle(rows)
    array = numpy.array(
        [[row.tokens for row in rows], [row.weights for row in rows], [row.numbers for row in rows]], numpy.int16
    )
    partial = path.with_suffix(".partial.npy")
    numpy.save(partial, array)
    partial.rename(path)
    filled = (array[2] != PADDING_DOCUMENT).mean()
    return f"{path}: {len(rows)} rows, {filled:.1%} filled, {(array[1] > 0).mean():.1%} of the tokens trained"


def pack(tokenizer: Tokenizer, random: Random) -> list[Row]:
    """Best fit: a document goes to the fullest open row that holds it; rows open at the end are dropped."""
    end_of_text = tokenizer.token_to_id(END_OF_TEXT)
    finished: list[Row] = []
    open_rows: list[Row] = []
    for _ in range(0, plan.SHARD_DOCUMENTS, BATCH):
        for document in encode(draw_documents(random), tokenizer):
            fitting = [row for row in open_rows if len(row.tokens) + len(document.tokens) <= CAPACITY]
            row = max(fitting, key=lambda row: len(row.tokens), default=None)
            if row is None:
                if len(open_rows) == OPEN_ROWS:
                    fullest = max(open_rows, key=lambda row: len(row.tokens))
                    open_rows = [row for row in open_rows if row is not fullest]
                    fullest.pad(end_of_text)
                    finished.append(fullest)
                row = Row()
                open_rows.append(row)
            row.append(document)
    return finished


def encode(drafts: list[tuple[str, str, int]], tokenizer: Tokenizer) -> list[Document]:
    """Documents that fit a row (a second turn seldom makes one too long)."""
    prompts, replies, weights = zip(*drafts)
    documents = []
    for prompt, reply, weight in zip(tokenizer.encode_batch(prompts), tokenizer.encode_batch(replies), weights):
        document = Document(prompt.ids + reply.ids, [0] * len(prompt.ids) + [weight] * len(reply.ids))
        document.weights[0] = 0  # nothing comes before a document's first token
        if len(document.tokens) <= CAPACITY:
            documents.append(document)
    return documents


def draw_documents(random: Random) -> list[tuple[str, str, int]]:
    """A batch of documents as prompt that is not trained, reply that is, and the reply's weight."""
    documents = []
    for kind in random.choices(list(plan.MIX), list(plan.MIX.values()), k=BATCH):
        if kind == plan.STORY:
            documents.append(("", stories.draw(random, test=False) + END_OF_TEXT, 1))
        else:
            documents.append(draw_chat(kind, random))
    return documents


def draw_chat(task: str, random: Random) -> tuple[str, str, int]:
    problem = tasks.draw(task, random, test=False)
    thinking = random.random() < plan.THINKING_SHARE
    system = random.choice(tasks.SYSTEM_PROMPTS) if random.random() < plan.SYSTEM_SHARE else None
    past = []
    if random.random() < plan.SECOND_TURN_SHARE:
        past = [tasks.draw(random.choice(tasks.TASKS), random, test=False)]
    prompt = chat.prompt(problem.question, thinking, system, past)
    return prompt, chat.reply(problem, thinking), 1 if thinking else plan.DIRECT_WEIGHT
