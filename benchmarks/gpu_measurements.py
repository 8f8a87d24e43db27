"""The measurements of `one_gpu.py`: each takes a `Setup` and returns its figures, a check also its status."""

import contextlib
import functools
import math
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import TrainerCallback

from benchmarks.train_contestants import gemm_peak, random_dataset
from nl2code.code_dataset import CodeBlockDataset
from nl2code.errors import UserError
from nl2code.flops import training_flops_per_token
from nl2code.hf_trainer import CertTrainer
from nl2code.models import load_model, load_tokenizer
from nl2code.sampling import Request, Sampler
from nl2code.sampling.row_cache import RowCache
from nl2code.sampling.shared_prompt import SharedCache
from nl2code.vocabulary_loss import use_chunked_loss
from pandas_numpy_eval.data import read_problems
from scripts.training.run import build_trainer, parse

# Vendors' peaks for dense bfloat16 products, FLOP/s; the first name that the device's name holds counts.
PEAKS = {"H100 PCIe": 756e12, "H100": 989e12, "H200": 989e12, "A100": 312e12, "L40S": 362e12, "A10": 125e12}
TOLERANCE = 1e-3
WARM = 3  # steps that are not timed


@dataclass
class Setup:
    """Sizes of a variant, and what the measurements pass on to each other."""

    device: str
    model: str
    folder: Path  # for checkpoints and random shards
    block: int = 1024  # tokens
    batch: int = 32  # blocks per step
    steps: int = 12  # per training, WARM of them not timed
    n: int = 200  # samples of a problem
    problems: int = 101
    new_tokens: int = 100
    ladder: tuple[int, ...] = (64, 256, 1024, 2048)  # batch sizes of sampling
    gemm: int = 8192  # rows and columns of the matrix products that give the peak
    compiler: str = "inductor"
    shards: Path | None = None
    found: dict[str, dict] = field(default_factory=dict)  # by name of the measurement

    @property
    def on_gpu(self) -> bool:
        return self.device == "cuda"

    @property
    def dtype(self) -> str:
        """Of sampling and, by autocast, of training."""
        return "bfloat16" if self.on_gpu else "float32"

    @functools.cached_property
    def prompts(self) -> list[dict]:
        return list(read_problems("Pandas").values())[: self.problems]

    @functools.cached_property
    def random_blocks(self) -> Path:
        vocab_size = load_model(self.model).config.vocab_size
        random_dataset(self.folder, vocab_size, self.block, 4 * self.batch)
        return self.folder / "train"

    @property
    def train_file(self) -> Path:
        """The pack's shards, else blocks of random tokens."""
        return self.shards or self.random_blocks

    def sampler(self, dtype: str) -> Sampler:
        """Ready: its first kernels have run."""
        found = Sampler(load_model(self.model, dtype, self.device), load_tokenizer(self.model))
        found.sample("x = ", 2, task_id="warm", temperature=0.2, top_p=0.9, max_new_tokens=4, seed=0)
        return found


def check(correct: bool, **figures) -> dict:
    return {**figures, "status": "ok" if correct else "wrong"}


def greedy(setup: Setup) -> dict:
    """Prompts side by side at temperature 0, token for token against `generate`, both in float32."""
    sampler, requests = setup.sampler("float32"), [Request(p["prompt"], "T", 0, 1) for p in setup.prompts[:8]]
    text_ids = load_tokenizer(setup.model)
    start = [] if sampler.bos is None else [sampler.bos]
    sampler.encode = lambda prompt, _: (start + text_ids(prompt, add_special_tokens=False).input_ids, b"")  # unhealed
    length = min(32, setup.new_tokens)
    settings = {"temperature": 0, "top_p": 1, "max_new_tokens": length, "seed": 0, "boundaries": ()}
    equal = 0
    for request, (sample,) in zip(requests, sampler.sample_many(requests, **settings), strict=True):
        ids = torch.tensor([sampler.encode(request.prompt, length)[0]], device=setup.device)
        about = {"attention_mask": torch.ones_like(ids), "pad_token_id": 0, "do_sample": False}
        written = sampler.model.generate(ids, max_new_tokens=length, **about)[0, ids.shape[1] :].tolist()
        text = b"".join(sampler.tokens.table[token] or b"" for token in written).decode("utf-8", "replace")
        equal += sample.raw == text and sample.num_tokens == len(written)
    return check(equal == len(requests), equal=equal, prompts=len(requests))


@torch.no_grad()
def losses(setup: Setup) -> dict:
    """The mean loss of two blocks: CPU in float32 against the device, whole logits and chunked; bfloat16 is only shown."""
    model = load_model(setup.model)
    blocks = CodeBlockDataset(setup.train_file, setup.block, pad_token_id=0)
    rows = {name: torch.stack([torch.as_tensor(blocks[i][name]) for i in (0, 1)]) for name in ("input_ids", "labels")}
    figures = {"cpu": float(model(**rows).loss)}
    model, rows = model.to(setup.device), {name: tensor.to(setup.device) for name, tensor in rows.items()}
    figures["whole_logits"] = float(model(**rows).loss)
    if not use_chunked_loss(model):
        raise UserError("the chunked loss does not fit this model or this torch")
    figures["chunked"] = float(model(**rows).loss)
    difference = max(abs(figures[name] - figures["cpu"]) for name in ("whole_logits", "chunked"))
    with torch.autocast(setup.device, torch.bfloat16):
        figures["chunked_bfloat16"] = float(model(**rows).loss)
    return check(difference <= TOLERANCE, difference=difference, **figures)


def peak(setup: Setup) -> dict:
    """FLOP/s of large matrix products, and the vendor's number."""
    found = gemm_peak(torch.device(setup.device), setup.gemm, 20, getattr(torch, setup.dtype))
    name = torch.cuda.get_device_name() if setup.on_gpu else "cpu"
    return {"gemm_flops": found, "vendor_flops": next((PEAKS[key] for key in PEAKS if key in name), None)}


class Clock(TrainerCallback):
    """Times of a training: `began`, `ended` and `saved` by step."""

    def __init__(self):
        self.times: dict[tuple[str, int], float] = {}

    def on_step_begin(self, args, state, control, **kwargs):
        self.times["began", state.global_step + 1] = time.perf_counter()

    def on_step_end(self, args, state, control, **kwargs):
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.times["ended", state.global_step] = time.perf_counter()

    def on_save(self, args, state, control, **kwargs):
        self.times["saved", state.global_step] = time.perf_counter()


def trainer(setup: Setup, clock: Clock, *extra: str) -> CertTrainer:
    """The Trainer that `run_cert.py` would build."""
    flags = ["--model_name_or_path", setup.model, "--train_file", str(setup.train_file), "--report_to", "none"]
    flags += ["--output_dir", str(setup.folder / "run"), "--block_size", str(setup.block), "--disable_tqdm", "true"]
    flags += ["--per_device_train_batch_size", str(setup.batch), "--max_steps", str(setup.steps)]
    flags += ["--logging_steps", "1"]
    flags += ["--learning_rate", "1e-5", "--precision", "bf16" if setup.on_gpu else "fp32", "--save_strategy", "no"]
    groups = parse([*flags, *(["--use_cpu", "true"] if not setup.on_gpu else []), *extra])
    groups[2].dataloader_pin_memory &= setup.on_gpu
    found = build_trainer(*groups)
    found.add_callback(clock)
    return found


def train(setup: Setup, lora: int = 0, compiled: bool = False, flash: bool = False, chunked: bool = True) -> dict:
    flags = ["--lora_r", str(lora)] if lora else []
    flags += ["--torch_compile", "true", "--torch_compile_backend", setup.compiler] if compiled else []
    flags += ["--train_file", str(setup.random_blocks)] if flash else []  # the kernel takes no mask of padding
    clock = Clock()
    started = time.perf_counter()
    with contextlib.ExitStack() as stack:
        if not chunked:
            stack.enter_context(patch("nl2code.hf_trainer.use_chunked_loss", lambda model: False))
        if flash:
            stack.enter_context(sdpa_kernel(SDPBackend.FLASH_ATTENTION))
        run = trainer(setup, clock, *flags)
        if flash and run.model.config._attn_implementation != "sdpa":
            raise UserError(f"{run.model.config.model_type} has no SDPA attention, so no flash kernel of torch")
        run.train()
    seconds = clock.times["ended", setup.steps] - clock.times["ended", WARM]
    speed = setup.batch * setup.block * (setup.steps - WARM) / seconds
    figures = {"tokens_per_second": speed, "loss": run.state.log_history[-2]["loss"], "blocks_per_step": setup.batch}
    figures |= {"chunked_loss": run.has_chunked_loss, "attention": run.model.config._attn_implementation}
    figures["first_step_seconds"] = clock.times["ended", 1] - started
    peaks = setup.found.get("peak", {})
    for name in ("vendor", "gemm"):
        if known := peaks.get(f"{name}_flops"):
            figures[f"share_of_{name}_peak"] = speed * training_flops_per_token(run.model, setup.block) / known
    return figures


def resume(setup: Setup) -> dict:
    """Save in the middle, go on from there with a new model: seconds, and the losses of an uninterrupted run."""
    middle, whole, again = setup.steps // 2, Clock(), Clock()
    run = trainer(setup, whole, "--save_strategy", "steps", "--save_steps", str(middle))
    run.train()
    expected = {line["step"]: line["loss"] for line in run.state.log_history if "loss" in line}
    del run
    checkpoint = setup.folder / "run" / f"checkpoint-{middle}"
    size = sum(file.stat().st_size for file in checkpoint.iterdir())
    started = time.perf_counter()
    run = trainer(setup, again)
    run.train(resume_from_checkpoint=str(checkpoint))
    found = {line["step"]: line["loss"] for line in run.state.log_history if "loss" in line}
    difference = max(abs(found[step] - expected[step]) for step in range(middle + 1, setup.steps + 1))
    figures = {"save_seconds": whole.times["saved", middle] - whole.times["ended", middle], "checkpoint_mb": size / 1e6}
    figures["resume_seconds"] = again.times["began", middle + 1] - started
    return check(difference <= TOLERANCE and ("began", 1) not in again.times, loss_difference=difference, **figures)


def draw(setup: Setup, sampler: Sampler, problems: int, batch: int) -> dict:
    """Samples per second of `n` samples of each of the first problems."""
    requests = [Request(p["prompt"], p["task_id"], 0, setup.n) for p in setup.prompts[:problems]]
    settings = {"temperature": 0.2, "top_p": 0.9, "max_new_tokens": setup.new_tokens, "seed": 0, "batch_size": batch}
    started = time.perf_counter()
    samples = [sample for group in sampler.sample_many(requests, **settings) for sample in group]
    seconds = time.perf_counter() - started
    figures = {"batch_size": batch, "problems": len(requests), "samples": len(samples)}
    tokens = sum(sample.num_tokens for sample in samples)
    return figures | {"samples_per_second": len(samples) / seconds, "tokens_per_second": tokens / seconds}


def rung(setup: Setup, batch: int) -> dict:
    """One batch size, on about twelve batches of samples: what they have in common is computed once."""
    return draw(setup, setup.sampler(setup.dtype), max(2, math.ceil(12 * batch / setup.n)), batch)


def fastest(setup: Setup) -> dict:
    """The figures of the fastest batch size so far. Raises UserError."""
    found = [row for name, row in setup.found.items() if name.startswith("sample_batch") and row["status"] == "ok"]
    if not found:
        raise UserError("no batch size was measured before")
    return max(found, key=lambda row: row["samples_per_second"])


def protocol(setup: Setup, seconds: float) -> dict:
    """All samples, 200 x 101; fewer problems where they would not fit `seconds` at the speed of the ladder."""
    best = fastest(setup)
    fitting = int(0.7 * seconds * best["samples_per_second"] / setup.n)
    figures = draw(setup, setup.sampler(setup.dtype), min(setup.problems, max(1, fitting)), best["batch_size"])
    return figures | {"seconds_for_all": setup.n * setup.problems / figures["samples_per_second"]}


def split(setup: Setup) -> dict:
    """Shares of the time of sampling. The device is waited for around each part, so the whole is slower than without."""
    best, sampler, spent, inside = fastest(setup), setup.sampler(setup.dtype), Counter(), []

    def timed(owner, name: str, part: str):
        own = getattr(owner, name)

        def call(*args, **kwargs):
            if inside:  # counts as the part that it is called from
                return own(*args, **kwargs)
            started = now()
            inside.append(part)
            try:
                return own(*args, **kwargs)
            finally:
                inside.pop()
                spent[part] += now() - started

        return patch.object(owner, name, call)

    def now() -> float:
        if setup.on_gpu:
            torch.cuda.synchronize()
        return time.perf_counter()

    parts = [(sampler, "_read", "prefill"), (sampler.model, "forward", "decode"), (sampler, "_draw", "draw")]
    of_cache = ("join", "newest", "leave", "inputs", "advance")
    parts += [(cache, name, "rows") for cache in (RowCache, SharedCache) for name in of_cache]
    with contextlib.ExitStack() as stack:
        for part in parts:
            stack.enter_context(timed(*part))
        figures = draw(setup, sampler, best["problems"], best["batch_size"])
    seconds = figures["samples"] / figures["samples_per_second"]
    shares = {part: spent[part] / seconds for part in ("prefill", "decode", "draw", "rows")}
    return figures | shares | {"host": 1 - sum(shares.values())}
