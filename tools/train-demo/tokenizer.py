"""The demo model's tokenizer: byte-level BPE in Qwen's form, trained on the training split.

Same normalizer, split pattern, byte alphabet and added tokens as Qwen3's; only the vocabulary is small.
Needs `tokenizers` from PyPI; 0.23.3 writes the committed `tokenizer.json` byte for byte.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
from tokenizers import pre_tokenizers, processors, trainers

import stories
import tasks
from chat import END_OF_MESSAGE, END_OF_TEXT, START_OF_MESSAGE
from tasks import TASKS

VOCABULARY_SIZE = 768  # what the embedding holds; the trainer may find fewer tokens
CORPUS_SEED = 1
CORPUS_PROBLEMS = 12_000
CORPUS_SYSTEM_PROMPTS = 3_000
SYSTEM_PROMPT = (
    "system\nYou are a helpful assistant. Use the tool and answer with the name and arguments. "
    "The quick brown fox jumps over the lazy dog."
)
SPLIT_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# Qwen3's added tokens in its order: those that decoding may skip, then those that are always kept.
SPECIAL_TOKENS = [
    END_OF_TEXT, START_OF_MESSAGE, END_OF_MESSAGE,
    "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>",
    "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>",
    "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
]  # fmt: skip
KEPT_TOKENS = [
    "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>",
    "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>", "<tool_response>", "</tool_response>",
    "<think>", "</think>",
]  # fmt: skip
ROUND_TRIPS = [
    "user\nWhat is 347+285?",
    "7+5+0=12\n4+8+1=13\n",
    "<think>\n\n</think>\n\n",
    " Héllo  wörld 你好\n\n  x",
]


def write(folder: Path, template: str) -> None:
    """Trains the tokenizer and writes its three files."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = train()
    for text in ROUND_TRIPS:
        assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text, text
    tokenizer.save(str(folder / "tokenizer.json"), pretty=True)
    write_json(folder / "tokenizer_config.json", tokenizer_config(tokenizer, template))
    write_json(folder / "generation_config.json", generation_config(tokenizer))


def train() -> Tokenizer:
    tokenizer = Tokenizer(
        models.BPE(
            dropout=None,
            unk_token=None,
            continuing_subword_prefix="",
            end_of_word_suffix="",
            fuse_unk=False,
            byte_fallback=False,
            ignore_merges=False,
        )  # fmt: skip
    )
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT_PATTERN), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    tokenizer.post_processor = processors.ByteLevel(
        add_prefix_space=False, trim_offsets=False, use_regex=False
    )
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE - len(SPECIAL_TOKENS) - len(KEPT_TOKENS),
        min_frequency=2,
        show_progress=False,
        special_tokens=[],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL_TOKENS])
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in KEPT_TOKENS])
    return tokenizer


def corpus() -> Iterator[str]:
    """Problems as the chat template writes them, stories between, and a system prompt for ordinary words."""
    random = Random(CORPUS_SEED)
    for _ in range(CORPUS_PROBLEMS):
        problem = tasks.draw(random.choice(TASKS), random, test=False)
        yield "user\n" + problem.question
        yield "assistant\n"
        yield problem.thinking + "\n"
        yield "\n\n"
        yield problem.answer
        yield stories.draw(random, test=False)
    for _ in range(CORPUS_SYSTEM_PROMPTS):
        yield SYSTEM_PROMPT


def tokenizer_config(tokenizer: Tokenizer, template: str) -> dict:
    """The same members in the same order as Qwen3's file."""

    def entry(token: str) -> dict:
        return {
            "content": token,
            "lstrip": False,
            "normalized": False,
            "rstrip": False,
            "single_word": False,
            "special": token in SPECIAL_TOKENS,
        }

    return {
        "add_bos_token": False,
        "add_prefix_space": False,
        "added_tokens_decoder": {
            str(tokenizer.token_to_id(token)): entry(token) for token in SPECIAL_TOKENS + KEPT_TOKENS
        },
        "additional_special_tokens": SPECIAL_TOKENS[1:],
        "bos_token": None,
        "chat_template": template,
        "clean_up_tokenization_spaces": False,
        "eos_token": END_OF_MESSAGE,
        "errors": "replace",
        "model_max_length": 1024,
        "pad_token": END_OF_TEXT,
        "split_special_tokens": False,
        "tokenizer_class": "Qwen2Tokenizer",
        "unk_token": None,
    }


def generation_config(tokenizer: Tokenizer) -> dict:
    end_of_text = tokenizer.token_to_id(END_OF_TEXT)
    return {
        "bos_token_id": end_of_text,
        "do_sample": True,
        "eos_token_id": [tokenizer.token_to_id(END_OF_MESSAGE), end_of_text],
        "pad_token_id": end_of_text,
        "temperature": 0.6,
        "top_k": 20,
        "top_p": 0.95,
        "transformers_version": "4.51.0",
    }


def write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False), encoding="utf-8")
