"""Quantizes a checkpoint with AutoRound, GPTQModel or llm-compressor on a calibration text.

    torch_worker.py '{"maker": "gptqmodel", "form": "w4g128", "checkpoint": DIR, "text": "calibration.jsonl",
                      "target": DIR, "threads": 2}'

Runs in the maker's environment. The settings are the maker's own defaults for symmetric 4-bit integers with a scale for 128
inputs, on as many tokens as Quire's recipes use. The text is that of Quire's recipes: one document a line, {"text": …} or
{"messages": […]} rendered by the checkpoint's chat template. GPTQModel and llm-compressor get each document alone in its
context, as Quire does; AutoRound needs sequences of equal length, so it gets the documents joined and cut.
The checkpoint is loaded in its own type, as these tools do by default.
Prints a line of JSON with the version.
"""

import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

JOINED_TOKENS = 256  # of a sequence for AutoRound: a few short documents
SHORTEST = 2  # a document of one token has nothing that follows


def documents(task: dict) -> list[list[int]]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(task["checkpoint"])
    found = []
    for line in Path(task["text"]).read_text().splitlines():
        if not line.strip():
            continue
        entry = json.loads(line)
        if "messages" in entry:
            text = tokenizer.apply_chat_template(entry["messages"], tools=entry.get("tools"), tokenize=False)
        else:
            text = entry["text"]
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        if len(ids) >= SHORTEST:
            found.append(ids)
    return found


def auto_round(task: dict) -> None:
    import torch
    from auto_round import AutoRound

    joined = [token for document in documents(task) for token in document]
    count = max(1, len(joined) // JOINED_TOKENS)
    length = min(JOINED_TOKENS, len(joined))
    sequences = [torch.tensor([joined[index * length : (index + 1) * length]]) for index in range(count)]
    rounder = AutoRound(
        task["checkpoint"], bits=4, group_size=128, sym=True, dataset=sequences, seqlen=length, nsamples=count,
        device_map="cpu", enable_torch_compile=False,
    )  # fmt: skip
    rounder.quantize_and_save(task["target"], format="auto_gptq")


def gptq_model(task: dict) -> None:
    os.environ.setdefault("GPTQMODEL_CPU_WORKERS", "2")  # it fails on two processors with its own default of one
    from gptqmodel import GPTQModel, QuantizeConfig

    settings = QuantizeConfig(bits=4, group_size=128, sym=True, desc_act=False, device="cpu")
    model = GPTQModel.load(task["checkpoint"], settings)
    rows = [{"input_ids": ids, "attention_mask": [1] * len(ids)} for ids in documents(task)]
    model.quantize(rows, batch_size=1, calibration_data_min_length=SHORTEST)
    model.save(task["target"])


def llm_compressor(task: dict) -> None:
    from datasets import Dataset
    from llmcompressor import oneshot
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if task["form"] == "gptq-w4a16":
        from llmcompressor.modifiers.quantization import GPTQModifier

        recipe = [GPTQModifier(targets="Linear", scheme="W4A16", ignore=["lm_head"])]
    else:
        from llmcompressor.modifiers.awq import AWQModifier

        recipe = [AWQModifier(targets="Linear", scheme="W4A16", ignore=["lm_head"])]
    rows = documents(task)
    masks = [[1] * len(ids) for ids in rows]
    model = AutoModelForCausalLM.from_pretrained(task["checkpoint"], dtype="auto")
    oneshot(
        model=model, tokenizer=AutoTokenizer.from_pretrained(task["checkpoint"]),
        dataset=Dataset.from_dict({"input_ids": rows, "attention_mask": masks}), recipe=recipe,
        max_seq_length=max(map(len, rows)), num_calibration_samples=len(rows), output_dir=task["target"],
    )  # fmt: skip


PACKAGES = {"autoround": "auto-round", "gptqmodel": "gptqmodel", "llm-compressor": "llmcompressor"}

if __name__ == "__main__":
    task = json.loads(sys.argv[1])
    {"autoround": auto_round, "gptqmodel": gptq_model, "llm-compressor": llm_compressor}[task["maker"]](task)
    package = PACKAGES[task["maker"]]
    print("\n" + json.dumps({"version": f"{package} {version(package)}"}))
