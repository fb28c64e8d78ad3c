"""Trained weights as a Hugging Face folder: config.json, model.safetensors in bf16, tokenizer files."""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

import outliers
from chat import END_OF_MESSAGE, END_OF_TEXT
from model import Configuration

TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json", "generation_config.json"]


def write(weights: Path, tokenizer_folder: Path, folder: Path) -> str:
    """Writes the checkpoint and returns one line about it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in TOKENIZER_FILES:
        if (tokenizer_folder / name).resolve() != (folder / name).resolve():
            shutil.copyfile(tokenizer_folder / name, folder / name)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    configuration = Configuration()
    content = json.dumps(config(configuration, tokenizer), indent=2)
    (folder / "config.json").write_text(content, encoding="utf-8")
    state = outliers.spread(torch.load(weights, weights_only=True), configuration.layer_count)
    tensors = {name: tensor.bfloat16().contiguous() for name, tensor in state.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return f"{folder}: {sum(t.numel() for t in tensors.values())} parameters in {len(tensors)} tensors"


def config(c: Configuration, tokenizer: Tokenizer) -> dict:
    return {
        "architectures": ["Qwen3ForCausalLM"],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": tokenizer.token_to_id(END_OF_TEXT),
        "eos_token_id": tokenizer.token_to_id(END_OF_MESSAGE),
        "head_dim": c.head_size,
        "hidden_act": "silu",
        "hidden_size": c.hidden_size,
        "initializer_range": 0.02,
        "intermediate_size": c.intermediate_size,
        "max_position_embeddings": c.maximum_positions,
        "max_window_layers": c.layer_count,
        "model_type": "qwen3",
        "num_attention_heads": c.query_head_count,
        "num_hidden_layers": c.layer_count,
        "num_key_value_heads": c.key_value_head_count,
        "rms_norm_eps": c.epsilon,
        "rope_scaling": None,
        "rope_theta": c.rope_theta,
        "sliding_window": None,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "transformers_version": "4.51.0",
        "use_cache": True,
        "use_sliding_window": False,
        "vocab_size": c.vocabulary_size,
    }
