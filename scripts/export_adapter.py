"""Make a trained LoRA adapter small enough to be shipped: half precision, its recipe, and a card with its scores.

    python -m scripts.export_adapter data/Pandas/experiments/sketcher_models/smollm2-135m_quick/model \\
        -o models/sketcher-pandas --corpus data/Pandas/data/quick/corpus_stats.json --scores results

The folder gets `adapter_model.safetensors` (float16), `adapter_config.json`, `recipe.json` (inputs, settings and results of
the training run, counts of the corpus) and `README.md`. The tokenizer is that of the base, which stays where it is.
"""

import argparse
import json
import sys
from contextlib import suppress
from pathlib import Path

from nl2code.errors import UserError, exit_status, one_line
from nl2code.hashes import sha256_file
from nl2code.models import ModelError, weights_sha256
from scripts.file_utils import open_weights_to_readers, replacing_folder, write_json
from scripts.presets import HelpFormatter
from scripts.records import outputs_are_there, read_record
from scripts.shell.checks import DEFAULT_BASE

LIMIT = 12_000_000  # bytes of weights: what a repository takes without complaint
WEIGHTS, CONFIG, RECIPE = "adapter_model.safetensors", "adapter_config.json", "recipe.json"
SHOWN = ("lora_r", "lora_alpha", "learning_rate", "max_steps", "per_device_train_batch_size", "block_size", "loss_on")
SHOWN += ("gradient_accumulation_steps", "lr_scheduler_type", "warmup_steps", "bf16", "torch_compile", "seed")
USES = {  # kind -> setting that names such a model, and what it completes
    "sketcher": ("SKETCHER", "the prompt, with a sketch"),
    "generator": ("GENERATOR", 'sketch + "\\n# [segmentation]\\n" + prompt, with code'),
    "normal": ("MODEL_VERSION", "the prompt, with code"),
}


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    add = parser.add_argument
    add("model", type=Path, help="folder of a finished training run's model, a LoRA adapter")
    add("-o", "--output", type=Path, required=True, help="folder to write")
    add("--base", default=DEFAULT_BASE, help="name of the base as users of the adapter have it")
    add("--corpus", type=Path, help="corpus_stats.json of the training corpus, whose counts go into the card")
    add("--scores", type=Path, help="folder with *_metrics.json of this adapter, named by the card")
    return parser.parse_args(argv)


def halve(source: Path, target: Path) -> int:
    """Copy the tensors of a safetensors file as float16; return the bytes of the copy.

    Raises:
        UserError: a tensor does not fit float16, or the copy exceeds LIMIT.
    """
    import torch
    from safetensors.torch import load_file, save_file

    tensors = {name: tensor.to(torch.float16).contiguous() for name, tensor in load_file(source).items()}
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise UserError(f"{source}: {name} does not fit float16; train it again with a lower learning rate")
    with one_line(f"{target} cannot be written"):
        save_file(tensors, target, metadata={"format": "pt"})
    size = target.stat().st_size
    if size > LIMIT:
        raise UserError(f"{source} takes {size} bytes in float16, the limit is {LIMIT}; train with a lower lora_r")
    return size


def corpus_lines(sha256: str, stats: dict) -> list[str]:
    """Lines of the card about the training corpus: kind, documents, tokens, what was left out as benchmark text."""
    clean_of = ", ".join(entry["file"] for entry in stats["decontamination"]["against"])
    rows = [
        *("", f"Corpus (`corpus_stats.json` sha256 `{sha256}`), cleaned of the text of {clean_of}:", ""),
        "| kind | documents seen | kept | tokens kept | left out as text of a benchmark |",
        "| --- | --- | --- | --- | --- |",
    ]
    for kind, found in stats["totals"].items():
        tokens = found.get("tokens", {}).get("out", "not counted")
        hits = sum(count for reason, count in found["reasons"].items() if reason.startswith("benchmark "))
        rows.append(f"| {kind} | {found['in']} | {found['out']} | {tokens} | {hits} |")
    return rows


def score_rows(folder: Path) -> list[str]:
    """Lines of the card from every *_metrics.json under a folder: benchmark, n, T, pass@1 with its interval, by level."""
    from scripts.reporting.tables import run_label, settings_of, temperature_label  # loads pandas

    rows = []
    for file in sorted(folder.rglob("*_metrics.json")):
        metrics = json.loads(file.read_text(encoding="utf-8"))
        settings = settings_of(metrics)
        levels = {level: row["pass@1"]["value"] for level, row in metrics.get("by_level", {}).items()}
        first, (low, high) = metrics["pass@1"]["value"], metrics["pass@1"]["ci95"]
        parts = ", ".join(f"{level} {100 * value:.1f}" for level, value in levels.items()) or "-"
        about = (metrics["benchmark"]["name"], run_label(file, settings), metrics["n"], temperature_label(settings))
        score = f"{100 * first:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
        rows.append(f"| {' | '.join(map(str, (*about, score, parts)))} |")
    return rows


def card(args: argparse.Namespace, recipe: dict, corpus: list[str]) -> str:
    """The model card, Markdown with a YAML header; `corpus`: see `corpus_lines`."""
    results, settings = recipe["results"], recipe["settings"]
    known = [results.get(name) for name in ("initial_loss", "final_loss")]  # none without validation shards
    losses = "" if None in known else "; held-out loss {:.4f} before, {:.4f} after".format(*known)
    kind = results["encoding"].get("type", "model")
    setting, completes = USES.get(kind, USES["normal"])
    shown = settings | {"lora_alpha": settings["lora_alpha"] or 2 * settings["lora_r"]}  # 0: twice the rank
    header, terms = [], "the terms of the base hold"
    if args.base == DEFAULT_BASE:
        header, terms = ["license: apache-2.0"], "Apache-2.0, as its base"
    lines = [
        *("---", f"base_model: {args.base}", "library_name: peft", *header),
        *("tags: [code, continual-pre-training, cert]", "---", f"# {args.output.name}", ""),
        f"The {kind} of CERT on {args.base}: a LoRA adapter, continually pre-trained on code that uses one library.",
        "",
        f"- completes {completes}; `{setting}={args.output}` samples from it",
        f"- base: `{args.base}`, weights sha256 `{recipe['inputs']['base']}`",
        f"- trained on {results['tokens']} tokens in {results['steps']} steps{losses}",
        f"- recipe: {', '.join(f'{name} {shown[name]}' for name in SHOWN)}",
        f"- git revision of the training: `{recipe['run']['git_revision']}` (`+changes`: and uncommitted changes)",
        f"- licence: {terms}; the licences of the training documents are counted in `recipe.json`",
        *corpus,
    ]
    if args.scores:
        head = "| benchmark | run | n | T | pass@1 in % [95 %] | by level |"
        lines += ["", "Scores of the run that this adapter belongs to, and of others on the same problems:", ""]
        lines += [head, "| --- | --- | --- | --- | --- | --- |", *score_rows(args.scores)]
    return "\n".join(lines) + "\n"


def export(args: argparse.Namespace) -> None:
    """Write the folder whole or not at all.

    Raises:
        UserError: the model is no adapter of a finished run, or was trained on another base.
    """
    file = args.model.parent / "record.json"
    record = read_record(file)
    weights = (record or {}).get("outputs", {}).get(f"{args.model.name}/{WEIGHTS}")
    if not weights or not outputs_are_there(file) or sha256_file(args.model / WEIGHTS) != weights["sha256"]:
        raise UserError(f"{args.model} is no LoRA adapter of a finished run; give RUN/model of one with lora_r above 0")
    trained_on = record["inputs"]["base"]
    with suppress(ModelError):  # a base that only users of the adapter have
        base = weights_sha256(args.base)
        if base != trained_on and not base.startswith("hub:"):
            raise UserError(
                f"{args.model} was trained on a base with sha256 {trained_on}, --base {args.base} has {base}"
            )
    known = args.output / RECIPE
    if args.output.exists() and not known.is_file() and (args.output.is_file() or any(args.output.iterdir())):
        advice = f"give a folder that is new, such as {args.output / 'sketcher-pandas'}"
        raise UserError(f"-o {args.output} is there and no exported adapter; {advice}")
    recipe = {key: record[key] for key in ("inputs", "settings", "results", "run")} | {"corpus": None}
    corpus: list[str] = []
    if args.corpus:
        with one_line(f"--corpus {args.corpus} is no corpus_stats.json of scripts.prepare_corpus"):
            recipe["corpus"] = {
                "sha256": sha256_file(args.corpus),
                "stats": json.loads(args.corpus.read_text(encoding="utf-8")),
            }
            corpus = corpus_lines(**recipe["corpus"])
    config = json.loads((args.model / CONFIG).read_text(encoding="utf-8")) | {"base_model_name_or_path": args.base}
    config["target_modules"] = sorted(config["target_modules"])
    with replacing_folder(args.output) as folder:
        size = halve(args.model / WEIGHTS, folder / WEIGHTS)
        open_weights_to_readers(folder)
        write_json(folder / CONFIG, config)
        write_json(folder / RECIPE, recipe)
        (folder / "README.md").write_text(card(args, recipe, corpus), encoding="utf-8")
    print(f"wrote {args.output}: {size} bytes of weights")


def main(argv: list[str] | None = None) -> int:
    return exit_status(lambda: export(parse_args(argv)))


if __name__ == "__main__":
    sys.exit(main())
