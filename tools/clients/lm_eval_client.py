import json
import tempfile
from pathlib import Path

import lm_eval
from harness import MODEL, TOKENIZER, URL, check, run
from lm_eval.tasks import TaskManager

ROWS = [{"question": f"{left}+1=", "choices": [str(left + 1), "x", "yy"], "answer": 0} for left in range(1, 5)]
TASKS = {
    "choose": {
        "output_type": "multiple_choice", "doc_to_text": "{{question}}", "doc_to_choice": "{{choices}}",
        "doc_to_target": "{{answer}}", "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}],
    },
    "write": {
        "output_type": "generate_until", "doc_to_text": "{{question}}", "doc_to_target": "{{choices[0]}}",
        "generation_kwargs": {"until": ["\n"], "max_gen_toks": 8, "do_sample": False},
        "metric_list": [{"metric": "exact_match"}],
    },
}
FOLDER = Path(tempfile.mkdtemp())
(FOLDER / "rows.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
for name, task in TASKS.items():
    task = {"task": name, "dataset_path": "json", "test_split": "test", **task,
            "dataset_kwargs": {"data_files": {"test": str(FOLDER / "rows.jsonl")}}}
    (FOLDER / f"{name}.yaml").write_text(json.dumps(task))


def evaluate(model: str, path: str, tasks: list[str], extra: str, **options) -> dict:
    arguments = f"model={MODEL},base_url={URL}/{path},num_concurrent=1,max_retries=1,{extra}"
    found = lm_eval.simple_evaluate(
        model=model, model_args=arguments, tasks=tasks, task_manager=TaskManager(include_path=str(FOLDER)),
        bootstrap_iters=0, log_samples=True, **options,
    )
    assert found["results"].keys() == set(tasks)
    return found


@check
def log_likelihoods_with_local_tokens():
    extra = f"tokenizer={TOKENIZER},tokenizer_backend=huggingface,max_length=512"
    found = evaluate("local-completions", "completions", ["choose"], extra)
    assert len(found["samples"]["choose"]) == len(ROWS)
    for sample in found["samples"]["choose"]:
        scores = [float(response[0][0]) for response in sample["resps"]]
        assert len(scores) == 3 and all(score < 0 for score in scores), scores


@check
def log_likelihoods_with_remote_tokens():
    evaluate("local-completions", "completions", ["choose"], "tokenizer_backend=remote,max_length=512")


@check
def generation():
    extra = f"tokenizer={TOKENIZER},tokenizer_backend=huggingface,max_length=512"
    evaluate("local-completions", "completions", ["write"], extra)


@check
def chat_generation():
    evaluate("local-chat-completions", "chat/completions", ["write"], "max_length=512", apply_chat_template=True)


run()
