"""Makes the demo model of `recipes/demo`: data, tokenizer, training, export, held-out files, checks.

The whole road, from nothing to a checkpoint (30 to 45 minutes on one core for the training):

    python3 tools/train-demo tokenizer --output build/tokenizer
    python3 tools/train-demo data      --tokenizer build/tokenizer --output build/rows
    python3 tools/train-demo train     --rows build/rows --output build/weights
    python3 tools/train-demo export    --weights build/weights/stage2.pt --tokenizer build/tokenizer \\
                                       --output build/checkpoint
    python3 tools/train-demo check     build/checkpoint --tasks

The files beside the committed checkpoint, written again or compared (standard library only):

    python3 tools/train-demo heldout --output recipes/demo
    python3 tools/train-demo heldout --output recipes/demo --check

`heldout` needs Python 3.10 and nothing else; `tokenizer` needs `tokenizers` (0.23.3 writes the committed
file byte for byte), `data` also `numpy`, `train` and `export` also `torch` and `safetensors`, `check` also
`transformers`; all of them come from PyPI:

    python3 -m pip install tokenizers==0.23.3 numpy torch safetensors transformers

Every seed is a named constant: problems and stories in `heldout.py`, the tokenizer's corpus in
`tokenizer.py`, the rows of each stage in `stages.py`, weights and row order in `training.py`.
"""

import argparse
import sys
from pathlib import Path

# Modules are imported where a command needs them, so that `heldout` runs without any package.
REPOSITORY = Path(__file__).resolve().parents[2]
DEMO = REPOSITORY / "recipes" / "demo"


def make_tokenizer(arguments: argparse.Namespace) -> None:
    import json

    import tokenizer

    template = json.loads(arguments.template.read_text(encoding="utf-8"))["chat_template"]
    tokenizer.write(arguments.output, template)
    print(f"{arguments.output}: tokenizer.json, tokenizer_config.json, generation_config.json")


def make_data(arguments: argparse.Namespace) -> None:
    from tokenizers import Tokenizer

    import packing
    from stages import STAGES

    tokenizer = Tokenizer.from_file(str(arguments.tokenizer / "tokenizer.json"))
    arguments.output.mkdir(parents=True, exist_ok=True)
    for stage in STAGES:
        print(packing.write(stage, tokenizer, arguments.output / f"{stage.name}.npz"), flush=True)


def train(arguments: argparse.Namespace) -> None:
    import torch

    import training
    from stages import STAGES

    torch.set_num_threads(arguments.threads)
    arguments.output.mkdir(parents=True, exist_ok=True)
    model = training.new_model()
    for stage in STAGES:
        weights = arguments.output / f"{stage.name}.pt"
        if weights.exists():
            print(f"{weights}: already trained, taken as it is")
            model.load_state_dict(torch.load(weights, weights_only=True))
            continue
        steps = arguments.steps or stage.steps
        rows = arguments.rows / f"{stage.name}.npz"
        training.run(stage, rows, model, steps, lambda line: print(line, flush=True))
        training.save(model, weights)
        print(f"{weights}: {steps} steps")


def export(arguments: argparse.Namespace) -> None:
    import export

    print(export.write(arguments.weights, arguments.tokenizer, arguments.output))


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

    added = command("tokenizer", make_tokenizer, "Train the tokenizer and write its three files.")
    added.add_argument("--output", type=Path, required=True)
    added.add_argument(
        "--template",
        type=Path,
        default=DEMO / "checkpoint" / "tokenizer_config.json",
        help="the tokenizer_config.json whose chat template is taken over",
    )

    added = command("data", make_data, "Draw and pack the training rows of every stage.")
    added.add_argument(
        "--tokenizer", type=Path, default=DEMO / "checkpoint", help="folder with tokenizer.json"
    )
    added.add_argument("--output", type=Path, required=True)

    added = command("train", train, "Train every stage whose weights are not in the output folder yet.")
    added.add_argument("--rows", type=Path, required=True, help="the folder `data` wrote")
    added.add_argument("--output", type=Path, required=True, help="folder for stage1.pt and stage2.pt")
    added.add_argument("--steps", type=int, help="steps a stage, instead of the recipe's, for a trial")
    added.add_argument("--threads", type=int, default=1)

    added = command("export", export, "Write trained weights as a Hugging Face folder in bf16.")
    added.add_argument("--weights", type=Path, required=True)
    added.add_argument(
        "--tokenizer", type=Path, default=DEMO / "checkpoint", help="folder with the tokenizer files"
    )
    added.add_argument("--output", type=Path, required=True)

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
