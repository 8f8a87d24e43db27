"""Flags of the two generation programs, and the runs that they ask for."""

import argparse
import json
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from nl2code.errors import UserError
from nl2code.hashes import sha256_file
from nl2code.models import resolve_model, tokenizer_sha256, weights_sha256
from nl2code.sampling.dtype import DTYPES, HELP, choose_dtype
from nl2code.sampling.prompts import BATCH_SIZE, GPU_BATCH_SIZE
from pandas_numpy_eval import benchmark_name
from pandas_numpy_eval.data import benchmark_info, read_problems, resolve_problem_file
from pandas_numpy_eval.errors import EvaluationError
from scripts.generating import served
from scripts.generating.names import ENDING, beside, file_name, run_name, temperature_pairs
from scripts.generating.strategies import HELP as SKETCHES
from scripts.generating.strategies import ONE_SKETCH, PATTERN, STRATEGIES
from scripts.generating.units import FORMAT, SampleFile
from scripts.presets import HelpFormatter, parse_with_preset
from scripts.records import Record
from scripts.sketches.sketch import CONSTANTS, OPERATIONS

DEFAULTS = {"sketch_strategy": "popular", "operation": CONSTANTS, "backend": "torch", "dtype": "float32"}
DEFAULTS |= {"batch_size": BATCH_SIZE, "unit_size": 512} | served.DEFAULTS
CHUNK = 50  # samples of a problem that are not parted between units, with one model


def number(kind: type, low: float, high: float) -> Callable[[str], float]:
    """An argparse type: a number in [low, high]; errors name the value and the range."""

    def parse(text: str):
        with suppress(ValueError):
            if low <= (value := kind(text)) <= high:
                return value
        whole = "whole " * (kind is int)
        raise argparse.ArgumentTypeError(f"{text!r} is not a {whole}number from {low} to {high}")

    return parse


def temperatures(text: str) -> list[float]:
    """An argparse type: temperatures in [0, 2], one or several with commas between."""
    return [number(float, 0, 2)(part) for part in text.split(",")]


def strategy(text: str) -> str:
    """An argparse type: which sketches the generator completes (scripts/generating/strategies.py)."""
    if not re.fullmatch(PATTERN, text):
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(STRATEGIES)}")
    return text


def device(text: str) -> str:
    """An argparse type: a torch device that has float64, in which the engine draws."""
    if text.startswith("mps"):
        raise argparse.ArgumentTypeError(f"{text!r} lacks float64, which sampling needs; use cpu")
    return text


def parse_args(argv: list[str] | None, doc: str, two_stages: bool) -> argparse.Namespace:
    """Flags of `eval_cert.py`, or with two stages of `eval_cert_unified.py`; a preset file may come first.

    Second names of flags are those of the released code.
    """
    usage = f"%(prog)s [PROTOCOL.yaml] {'-sketcher MODEL -generator MODEL' if two_stages else '-model MODEL'} [flags]"
    parser = argparse.ArgumentParser(description=doc, formatter_class=HelpFormatter, usage=usage, allow_abbrev=False)
    add = parser.add_argument
    count, size, one = number(int, 1, 10**5), number(int, 1, 4096), ("-model", "--model_name_or_path")
    models = {"": one}
    if two_stages:
        two = ("-model2", "--model2_name_or_path")
        models = {
            "sketcher: ": ("-sketcher", "--sketcher_path", *one),
            "generator: ": ("-generator", "--generator_path", *two),
        }
    for stage, names in models.items():
        add(*names, required=True, help=f"{stage}folder, name under models/, LoRA adapter, hub id, or openai:NAME")
    add("-d", "--domain", default="Pandas", help="benchmark: Pandas, Numpy, HumanEval, ... or a .jsonl file")
    add("-n", "--num_samples", "--num_completions", type=count, default=200, help="samples per problem")
    add("-t", "--temperature", type=temperatures, default="0.2", help="0 is greedy; 0.2,0.4 samples at both")
    if two_stages:
        add("-t2", "--temperature2", type=temperatures, default="0.2", help="temperature of the generator")
    add("-p", "--top_p", type=number(float, 1e-6, 1), default=0.9, help="probability mass of nucleus sampling")
    add("-l", "--max_tokens", "--max_new_tokens", type=size, default=100, help="maximum number of new tokens")
    add("--seed", type=number(int, 0, 2**63), default=42, help="random seed")
    add("--limit", type=number(int, 0, 10**5), help="only the first LIMIT problems; 0: all (default: all)")
    add("--tasks", help="only problems whose whole task_id matches this regular expression (default: all)")
    if two_stages:
        add("--sketch_strategy", type=strategy, default="popular", help=SKETCHES)
        greedy = {"dest": "sketch_strategy", "action": "store_const", "const": "greedy"}
        add("--greedy_sketch", **greedy, help="short for --sketch_strategy greedy")
        add("-c", "--chunk_size", type=count, help="samples of a problem that choose a sketch together (default: all)")
        votes = "sketches drawn for each sample, to choose from; above 1 for popular and top-M"
        add("--sketches_per_sample", type=number(int, 1, 1000), default=1, help=votes)
        add("--operation", choices=OPERATIONS, help="what sketches replace (default: the same as in training)")
    cut = "end of a completion: first_block, as in the paper; syntax: also X_syntax.samples.jsonl, cut to what parses"
    add("--truncate", choices=("first_block", "syntax"), default="first_block", help=cut)
    add("--dtype", choices=DTYPES, help=f"{HELP} (default: float32)")
    add("--backend", choices=("torch", "vllm"), help="engine; vllm needs that package (default: torch)")
    add("--device", type=device, help="torch device; cuda is the process's own GPU under torchrun (default: cpu)")
    add("-gpu", "--gpu_device", type=number(int, -1, 1023), help="number of the GPU, -1 for the CPU; or use --device")
    add(
        "-b",
        "--batch_size",
        type=size,
        help=f"rows decoded together (default: {BATCH_SIZE}, on a GPU {GPU_BATCH_SIZE})",
    )
    usual = f"default: {DEFAULTS['unit_size']}, of servers {served.UNIT}"
    unit = f"samples per saved unit, about; a kill loses at most one ({usual})"
    add("-u", "--unit_size", type=count, help=unit)
    served.add_flags(add, number, two_stages)
    add("--dry_run", action="store_true", help="print what would be done and stop")
    place = "file X.samples.jsonl, in which {t} and {t2} become temperatures; or a folder, where settings make the name"
    add("-o", "--output", help=f"{place} (default: results/<benchmark>/<run>/)")
    add("--results_dir", help="folder of the default output (default: results)")
    add("-mv", "--model_version", help="label that is added to <run> in the default output")
    sections = ("sampling", "two_stages") if two_stages else ("sampling",)
    args = parse_with_preset(parser, sys.argv[1:] if argv is None else argv, *sections)
    if args.gpu_device is not None:
        if args.device:
            parser.error("--gpu_device and --device name the same; leave one out")
        args.device = "cpu" if args.gpu_device < 0 else f"cuda:{args.gpu_device}"
    if two_stages and "chunk_size" in args.typed and args.sketch_strategy in ONE_SKETCH:
        parser.error(f"--chunk_size changes nothing for --sketch_strategy {args.sketch_strategy}; leave it out")
    if two_stages and args.sketches_per_sample > 1 and args.sketch_strategy in ONE_SKETCH:
        if "sketches_per_sample" in args.typed:
            advice = f"--sketch_strategy {args.sketch_strategy}, which takes one sketch for each sample"
            parser.error(f"--sketches_per_sample {args.sketches_per_sample} does not go with {advice}; leave it out")
        args.sketches_per_sample = 1
    names = [args.sketcher_path, args.generator_path] if two_stages else [args.model_name_or_path]
    served.check(parser, args, names)
    if not all(map(served.is_served, names)):
        args.backend, args.dtype = args.backend or DEFAULTS["backend"], args.dtype or DEFAULTS["dtype"]
    if args.backend == "vllm" and (args.batch_size or args.device):
        parser.error("--backend vllm chooses batches and device itself; leave --batch_size and --device out")
    if args.output and (args.results_dir or args.model_version):
        parser.error("--results_dir and --model_version are for the default output; leave them out, or -o/--output")
    if args.backend == "torch":
        args.device = args.device or "cpu"
        args.batch_size = args.batch_size or _usual(args)["batch_size"]
    args.unit_size = args.unit_size or _usual(args)["unit_size"]
    args.domain = benchmark_name(args.domain)
    if args.dtype:
        args.dtype = choose_dtype(args.dtype, args.device or "cuda")  # vllm has no device flag
    return args


def _usual(args: argparse.Namespace) -> dict:
    """DEFAULTS, with the sizes of batches and units that are usual where the samples are drawn."""
    if args.backend is None:  # all models are served
        return DEFAULTS | {"unit_size": served.UNIT}
    return DEFAULTS if args.device == "cpu" else DEFAULTS | {"batch_size": GPU_BATCH_SIZE}


def sample_files(args: argparse.Namespace, models: dict[str, str]) -> list[SampleFile]:
    """The sample files asked for, one for each temperature (or pair of them).

    Args:
        args: of `parse_args`.
        models: {"model": name}, or {"sketcher": name, "generator": name}.

    Raises:
        UserError: unknown model or benchmark, broken problem file, no such task, an output name that does not fit.
    """
    inputs = {key: digest for stage, name in models.items() for key, digest in model_inputs(stage, name).items()}
    keys = ("num_samples", "top_p", "max_tokens", "seed", "tasks", "backend", "dtype", "batch_size", "unit_size")
    settings = {key: getattr(args, key) for key in keys} | {"limit": args.limit or None}
    settings |= served.settings(args, models)
    chunk = min(args.num_samples, CHUNK, args.unit_size)
    if len(models) == 2:
        chunk = settings["chunk_size"] = min(args.chunk_size or args.num_samples, args.num_samples)
        settings |= {"sketch_strategy": args.sketch_strategy, "operation": sketch_operation(models, args.operation)}
        settings |= {"sketches_per_sample": k} if (k := args.sketches_per_sample) > 1 else {}
    try:
        file = resolve_problem_file(args.domain)
        everything = enumerate(read_problems(file).values())
        fit = [(i, one) for i, one in everything if not args.tasks or re.fullmatch(args.tasks, one["task_id"])]
        problems = [problem for i, problem in fit if not args.limit or i < args.limit]
        benchmark = {**benchmark_info(file), "file": args.domain}
    except re.error as error:
        raise UserError(f"--tasks {args.tasks!r} is no regular expression ({error}); correct it") from error
    except (EvaluationError, OSError) as error:
        raise UserError(f"problems {args.domain!r}: {error}") from error
    if not problems:
        told = f"no task_id of {args.domain}; try --tasks '.*/[0-9]'"
        if fit:
            told = f"none of the first {args.limit} problems of {args.domain}; raise --limit to {fit[0][0] + 1} or more"
        raise UserError(f"--tasks {args.tasks!r} matches {told}")
    inputs["benchmark"] = benchmark["sha256"]
    found = []
    for t, t2 in temperature_pairs(args.temperature, getattr(args, "temperature2", (None,))):
        own = settings | {"temperature": t} | ({} if t2 is None else {"temperature2": t2})
        output = _output(args, own, models)
        record = Record(beside(output, ".meta.json"), "generation", FORMAT, inputs, own)
        found.append(SampleFile(problems, output, record, benchmark, chunk))
    if len({one.output for one in found}) < len(found):
        raise UserError(f"several temperatures need {{t}} and {{t2}} in the name of --output {args.output}")
    return found


def sketch_operation(models: dict[str, str], asked: str | None) -> str:
    """The operation that sketcher and generator were trained with, `asked` or constants where they do not say.

    Raises:
        UserError: they differ from each other or from `asked`, or a model was trained as something else.
    """
    known = {}
    for stage, name in models.items():
        encoding = _encoding(name)
        if encoding.get("type", stage) != stage:
            raise UserError(f"--{stage}_path {name} was trained as {encoding['type']}; give a model of type {stage}")
        if "operation" in encoding:
            known[stage] = encoding["operation"]
    if len(set(known.values())) > 1:
        told = ", ".join(f"{stage}: {operation}" for stage, operation in known.items())
        raise UserError(f"the models were trained with different operations ({told}); give two of the same")
    operation = next(iter(known.values()), asked or CONSTANTS)
    if asked not in (None, operation):
        raise UserError(f"--operation {asked}, but the models were trained with {operation}; leave --operation out")
    return operation


def _encoding(name: str) -> dict:
    """What a trained model's training data were: {"type", "operation"}; empty where nothing is recorded."""
    if served.is_served(name):
        return {}
    folder = Path(resolve_model(name))
    # Of a finished model, of an exported adapter, of a checkpoint in a finished run.
    for file in (folder / "train_results.json", folder / "recipe.json", folder.parent / "record.json"):
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            known = json.loads(file.read_text(encoding="utf-8"))
            return dict(known.get("results", known)["encoding"])
    return {}


def model_inputs(stage: str, name: str) -> dict[str, str]:
    """sha256 of everything that is read of a model; nothing of one behind a server."""
    if served.is_served(name):
        return {}
    found = {stage: weights_sha256(name), f"{stage}_tokenizer": tokenizer_sha256(name)}
    files = (Path(resolve_model(name)) / file for file in ("config.json", "generation_config.json"))
    return found | {f"{stage}_{file.stem}": sha256_file(file) for file in files if file.is_file()}


def _output(args: argparse.Namespace, settings: dict, models: dict[str, str]) -> Path:
    """The sample file of one run."""
    if args.output and args.output.endswith(ENDING):
        texts = {key: f"{settings.get(name, 0):.12g}" for key, name in (("t", "temperature"), ("t2", "temperature2"))}
        return Path(re.sub(r"\{(t2?)\}", lambda match: texts[match[1]], args.output))
    if args.output is None:
        benchmark = Path(args.domain).name.partition(".json")[0]
        label = f"_{args.model_version}" if args.model_version else ""
        folder = Path(args.results_dir or "results", benchmark, run_name(list(models.values())) + label)
    else:
        folder = Path(args.output)
        if folder.suffix and not folder.is_dir() and not args.output.endswith("/"):
            raise UserError(f"--output {args.output} must end in {ENDING}, or be a folder (with / at its end)")
    usual = _usual(args) | {"batch_size": DEFAULTS["batch_size"], "chunk_size": settings["num_samples"]}
    return folder / file_name(settings, usual)  # rows of a GPU are named: they can change a sample, as the record says
