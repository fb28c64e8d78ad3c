"""Makes the demo model of `recipes/demo`: data, training, export, held-out files, checks.

From nothing to a checkpoint in one command (7 minutes on one H100 with 16 cores; `--device cpu`
works and takes days, so give it `--steps`):

    python3 tools/train-demo make --output build/demo --device cuda

The same in parts, and what judges the result:

    python3 tools/train-demo data   --output build/demo/rows --processes 16
    python3 tools/train-demo train  --rows build/demo/rows --output build/demo/weights.pt --device cuda
    python3 tools/train-demo export --weights build/demo/weights.pt --output build/demo/checkpoint
    python3 tools/train-demo check  build/demo/checkpoint --tasks

An EAGLE-3 draft head for the committed checkpoint, for `quire generate --draft` (minutes on two cores):

    python3 tools/train-demo eagle3 --output build/demo/eagle3 --threads 2

The files next to the committed checkpoint, written again or compared (standard library only):

    python3 tools/train-demo heldout --output recipes/demo
    python3 tools/train-demo heldout --output recipes/demo --check

`heldout` needs Python 3.10 and nothing else; `data` needs `tokenizers` and `numpy`, `train` and `export` also
`torch` and `safetensors`, `check` also `transformers`; all of them come from PyPI:

    python3 -m pip install tokenizers numpy torch safetensors transformers

Every seed is a named constant: problems and stories in `heldout.py`, rows in `plan.py`, weights and the order of
rows in `training.py`, uneven gains in `outliers.py`. The tokenizer is taken over from the committed checkpoint.
"""

import argparse
import os
import sys
from pathlib import Path

# Modules are imported where a command needs them, so that `heldout` runs without any package.
REPOSITORY = Path(__file__).resolve().parents[2]
DEMO = REPOSITORY / "recipes" / "demo"


def make_data(arguments: argparse.Namespace) -> None:
    import packing
    import plan

    tokenizer = arguments.tokenizer / "tokenizer.json"
    for line in packing.write_all(tokenizer, arguments.output, plan.SHARDS, arguments.processes):
        print(line, flush=True)


def train(arguments: argparse.Namespace) -> None:
    import plan
    import training

    training.prepare_device(arguments.device, arguments.threads)
    rows = training.load(arguments.rows, plan.SHARDS)
    model = training.new_model()
    steps = arguments.steps or plan.STEPS
    training.run(rows, model, steps, lambda line: print(line, flush=True))
    training.save(model, arguments.output)
    print(f"{arguments.output}: {steps} steps")


def export(arguments: argparse.Namespace) -> None:
    import export

    print(export.write(arguments.weights, arguments.tokenizer, arguments.output))


def make(arguments: argparse.Namespace) -> None:
    folder = arguments.output
    arguments.output = arguments.rows = folder / "rows"
    make_data(arguments)
    arguments.output = arguments.weights = folder / "weights.pt"
    train(arguments)
    arguments.output = folder / "checkpoint"
    export(arguments)


def make_head(arguments: argparse.Namespace) -> None:
    import eagle3
    import eagle3_training
    import packing
    import training

    training.prepare_device("cpu", arguments.threads)
    folder = arguments.rows or arguments.output / "rows"
    for line in packing.write_all(arguments.checkpoint / "tokenizer.json", folder, 1, 1):
        print(line, flush=True)
    rows = training.load(folder, 1)
    model = eagle3.load_model(arguments.checkpoint)
    ids = eagle3_training.draft_vocabulary(rows)
    steps = arguments.steps or eagle3_training.STEPS
    head = eagle3_training.run(rows, model, ids, steps, lambda line: print(line, flush=True))
    print(eagle3.write(head, ids, arguments.output))


def make_held_out(arguments: argparse.Namespace) -> None:
    import heldout

    if not arguments.check:
        heldout.write(arguments.output)
        return
    differing = heldout.differing(arguments.output)
    if differing:
        sys.exit(
            f"expected {', '.join(differing)} in {arguments.output} to be what `heldout` writes; run it again"
        )
    print(f"{arguments.output}: {', '.join(heldout.files())} are what `heldout` writes")


def check(arguments: argparse.Namespace) -> None:
    import torch

    import check

    torch.set_num_threads(arguments.threads)
    try:
        check.run(arguments.checkpoint, arguments.data, arguments.tasks, lambda line: print(line, flush=True))
    except check.CheckFailure as failure:
        sys.exit(str(failure))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/train-demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, action, summary: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=summary, description=summary)
        added.set_defaults(action=action)
        return added

    def add_tokenizer(added: argparse.ArgumentParser) -> None:
        added.add_argument(
            "--tokenizer", type=Path, default=DEMO / "checkpoint", help="folder with the tokenizer files"
        )

    def add_processes(added: argparse.ArgumentParser) -> None:
        added.add_argument("--processes", type=int, default=os.cpu_count())

    def add_training(added: argparse.ArgumentParser) -> None:
        added.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
        added.add_argument("--steps", type=int, help="steps instead of the plan's, for a trial")
        added.add_argument("--threads", type=int, default=1)

    added = command("make", make, "Draw the rows, train and export a checkpoint.")
    added.add_argument("--output", type=Path, required=True, help="folder for rows, weights and checkpoint")
    add_tokenizer(added)
    add_processes(added)
    add_training(added)

    added = command("data", make_data, "Draw and pack the training rows that are not there yet.")
    added.add_argument("--output", type=Path, required=True)
    add_tokenizer(added)
    add_processes(added)

    added = command("train", train, "Train the model on the rows.")
    added.add_argument("--rows", type=Path, required=True, help="the folder `data` wrote")
    added.add_argument("--output", type=Path, required=True, help="file for the weights")
    add_training(added)

    added = command("export", export, "Write trained weights as a Hugging Face folder in bf16.")
    added.add_argument("--weights", type=Path, required=True)
    added.add_argument("--output", type=Path, required=True)
    add_tokenizer(added)

    added = command("eagle3", make_head, "Train an EAGLE-3 draft head for a checkpoint of the demo model.")
    added.add_argument("--checkpoint", type=Path, default=DEMO / "checkpoint")
    added.add_argument("--output", type=Path, required=True, help="folder for the head")
    added.add_argument("--rows", type=Path, help="folder with the first row file of `data` (default: drawn)")
    added.add_argument("--steps", type=int, help="steps instead of the plan's, for a trial")
    added.add_argument("--threads", type=int, default=1)

    added = command("heldout", make_held_out, "Write tasks.jsonl, heldout.txt and calibration.jsonl.")
    added.add_argument("--output", type=Path, required=True)
    added.add_argument("--check", action="store_true", help="compare instead of writing")

    added = command("check", check, "Compare a checkpoint with transformers and score it.")
    added.add_argument("checkpoint", type=Path)
    added.add_argument("--data", type=Path, default=DEMO, help="folder with tasks.jsonl and heldout.txt")
    added.add_argument("--tasks", action="store_true", help="also answer every held-out task in both modes")
    added.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    sys.dont_write_bytecode = True
    arguments = parse_arguments()
    arguments.action(arguments)


main()
