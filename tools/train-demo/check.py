"""A checkpoint against `transformers`, the reference implementation: logits, template, tasks, text.

Every check prints one line; the first that fails ends the program with a sentence.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path
from random import Random

import torch
from safetensors.torch import load_file
from torch.nn import functional
from transformers import AutoModelForCausalLM, AutoTokenizer

import chat
import tasks
from model import Configuration, Qwen3
from tasks import TASKS, Problem

LOGIT_BOUND = 1e-4  # float32, two orders of the same sums
PROBE_SEED, PROBE_COUNT = 7, 27
GENERATION_BATCH = 64
MAXIMUM_TOKENS = {True: 100, False: 16}  # by thinking

Say = Callable[[str], None]


class CheckFailure(Exception):
    """What was expected and what was found."""


def run(folder: Path, data: Path, with_tasks: bool, say: Say) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    reference = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        say(check_template(tokenizer))
        say(check_logits(folder, reference, tokenizer))
        say(perplexity(reference, tokenizer, (data / "heldout.txt").read_text().splitlines()))
        if with_tasks:
            records = [json.loads(line) for line in (data / "tasks.jsonl").read_text().splitlines()]
            for thinking in (True, False):
                say(accuracy(reference, tokenizer, records, thinking))


def probes() -> list[Problem]:
    random = Random(PROBE_SEED)
    return [tasks.draw(random.choice(TASKS), random, test=True) for _ in range(PROBE_COUNT)]


def check_template(tokenizer) -> str:
    """The chat template must render a problem exactly as training wrote it.

    In both modes; every second one after a system prompt, every third one after another question.
    """
    for index, problem in enumerate(probes()):
        system = tasks.SYSTEM_PROMPTS[0] if index % 2 else None
        past = [probes()[index - 1]] if index % 3 == 0 else []
        for thinking in (True, False):
            messages = [] if system is None else [{"role": "system", "content": system}]
            for earlier in past:
                messages.append({"role": "user", "content": earlier.question})
                messages.append({"role": "assistant", "content": earlier.answer})
            messages.append({"role": "user", "content": problem.question})
            prompt = tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True, enable_thinking=thinking
            )
            expect_equal("the prompt", chat.prompt(problem.question, thinking, system, past), prompt)
            reply = {"role": "assistant", "content": problem.answer}
            if thinking:
                reply["reasoning_content"] = problem.thinking
            whole = tokenizer.apply_chat_template([*messages, reply], tokenize=False)
            trained = chat.prompt(problem.question, thinking, system, past) + chat.reply(problem, thinking)
            expect_equal("the whole chat", trained, whole)
    return f"template: {PROBE_COUNT} problems render as trained, with and without thinking"


def check_logits(folder: Path, reference, tokenizer) -> str:
    model = Qwen3(Configuration())
    model.load_state_dict({k: v.float() for k, v in load_file(folder / "model.safetensors").items()})
    largest = 0.0
    for problem in probes():
        tokens = torch.tensor(
            [tokenizer.encode(chat.prompt(problem.question, True) + chat.reply(problem, True))]
        )
        mask = torch.ones(1, 1, tokens.shape[1], tokens.shape[1], dtype=torch.bool).tril()
        difference = model(tokens, mask) - reference(tokens).logits[0]
        largest = max(largest, difference.abs().max().item())
    if not largest <= LOGIT_BOUND:
        raise CheckFailure(f"expected logits within {LOGIT_BOUND} of transformers, found {largest:.3g}")
    return f"logits: {PROBE_COUNT} chats within {largest:.2g} of transformers"


def perplexity(reference, tokenizer, lines: list[str]) -> str:
    """Each line a document of its own, its first token given, its end scored."""
    total, count = 0.0, 0
    for line in lines:
        tokens = torch.tensor(tokenizer.encode(line + "<|endoftext|>"))
        logits = reference(tokens[None]).logits[0]
        total += functional.cross_entropy(logits[:-1], tokens[1:], reduction="sum").item()
        count += len(tokens) - 1
    return f"text: perplexity {math.exp(total / count):.4f} over {count} tokens of {len(lines)} documents"


def accuracy(reference, tokenizer, records: list[dict], thinking: bool) -> str:
    """Greedy replies to the held-out tasks, judged as `recipes/demo/README.md` says."""
    right = dict.fromkeys(TASKS, 0)
    asked = dict.fromkeys(TASKS, 0)
    ordered = sorted(records, key=lambda record: len(record["prompt"]))
    for start in range(0, len(ordered), GENERATION_BATCH):
        batch = ordered[start : start + GENERATION_BATCH]
        prompts = [chat.prompt(record["prompt"], thinking) for record in batch]
        inputs = tokenizer(prompts, return_tensors="pt", padding=True, padding_side="left")
        output = reference.generate(**inputs, do_sample=False, max_new_tokens=MAXIMUM_TOKENS[thinking])
        for record, tokens in zip(batch, output[:, inputs["input_ids"].shape[1] :]):
            reply = tokenizer.decode(tokens, skip_special_tokens=True)
            asked[record["task"]] += 1
            right[record["task"]] += chat.is_right(reply, record["answer"], thinking)
    each = " ".join(f"{task} {100 * right[task] / asked[task]:.0f}" for task in TASKS)
    total = 100 * sum(right.values()) / sum(asked.values())
    return f"tasks, {'thinking' if thinking else 'non-thinking'}: {total:.1f}% ({each})"


def expect_equal(what: str, expected: str, found: str) -> None:
    if expected != found:
        raise CheckFailure(f"expected {what} {expected!r}, found {found!r}")
