"""The committed data files of `recipes/demo`: held-out tasks, held-out text and calibration text.

Held-out files hold test-split problems and stories only; calibration holds train-split ones only.
The same call always writes the same bytes.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from random import Random

import stories
import tasks
from chat import END_OF_TEXT
from tasks import TASKS, Problem

TASKS_SEED, TASKS_DRAWN, TASKS_KEPT = 999, 130, 90
# The draw by which the training plan was chosen; its problems are left out.
SEEN_SEED, SEEN_COUNT = 12345, 100
STORIES_SEED, STORIES_COUNT = 777, 200
CALIBRATION_SEED, CALIBRATION_CHATS, CALIBRATION_STORIES = 99, 160, 120


def write(folder: Path) -> None:
    """Writes the three files into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files().items():
        (folder / name).write_bytes(content)


def differing(folder: Path) -> list[str]:
    """The names of the files in `folder` that are missing or not what `write` would write."""
    return [
        name
        for name, content in files().items()
        if not (folder / name).is_file() or (folder / name).read_bytes() != content
    ]


def files() -> dict[str, bytes]:
    """Content by file name."""
    return {
        "tasks.jsonl": lines(json.dumps(task_record(problem)) for problem in held_out_problems()),
        "heldout.txt": lines(held_out_stories()),
        "calibration.jsonl": lines(json.dumps(document) for document in calibration()),
    }


def lines(texts: Iterable[str]) -> bytes:
    return "".join(text + "\n" for text in texts).encode()


def held_out_problems() -> list[Problem]:
    """Ninety distinct test problems a task, none of them seen before."""
    seen = {
        (problem.task, problem.key) for problem in draw_test_problems(SEEN_COUNT, SEEN_SEED)
    }
    kept: list[Problem] = []
    kept_of = dict.fromkeys(TASKS, 0)
    for problem in draw_test_problems(TASKS_DRAWN, TASKS_SEED):
        identity = (problem.task, problem.key)
        if identity in seen:
            continue
        seen.add(identity)
        if kept_of[problem.task] < TASKS_KEPT:
            kept_of[problem.task] += 1
            kept.append(problem)
    return kept


def draw_test_problems(count: int, seed: int) -> list[Problem]:
    """`count` test problems of each task, task after task, from one seed."""
    random = Random(seed)
    return [tasks.draw(task, random, test=True) for task in TASKS for _ in range(count)]


def task_record(problem: Problem) -> dict:
    """One line of `tasks.jsonl`; the prompt is the user's message of both chat modes."""
    return {"task": problem.task, "prompt": problem.question, "answer": problem.answer}


def held_out_stories() -> list[str]:
    random = Random(STORIES_SEED)
    return [stories.draw(random, test=True) for _ in range(STORIES_COUNT)]


def calibration() -> list[dict]:
    """Chats and stories, shuffled: statistics of one kind of text alone mislead about the other."""
    random = Random(CALIBRATION_SEED)
    documents = [calibration_chat(random) for _ in range(CALIBRATION_CHATS)]
    for _ in range(CALIBRATION_STORIES):
        documents.append({"text": stories.draw(random, test=False) + END_OF_TEXT})
    random.shuffle(documents)
    return documents


def calibration_chat(random: Random) -> dict:
    """A train problem of any task as a chat, thinking or non-thinking by the toss of a coin."""
    problem = tasks.draw(random.choice(TASKS), random, test=False)
    reply = {"role": "assistant"}
    if random.random() < 0.5:
        reply["reasoning_content"] = problem.thinking
    reply["content"] = problem.answer
    return {"messages": [{"role": "user", "content": problem.question}, reply]}
