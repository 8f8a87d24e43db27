"""The processes that encode the shards of a run, and the tokenizer that they share."""

import gc
import os
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from nl2code.errors import UserError
from nl2code.models import document_ends, id_space
from scripts.encoding.plan import Shard
from scripts.encoding.shard import DocumentSettings, TokenizerFile, encode_shard
from scripts.multiprocessing_utils import worker_pool


def save_for_workers(tokenizer, model: str, folder: str) -> TokenizerFile:
    """Save a tokenizer where the workers read it.

    Raises:
        UserError: it has no eos token.
    """
    bos, eos = document_ends(tokenizer)
    if eos is None:
        raise UserError(f"the tokenizer of {model!r} has no eos token to end documents; set eos_token in its config")
    file = str(Path(folder, "tokenizer.json"))
    tokenizer.backend_tokenizer.save(file)
    return TokenizerFile(file, bos, eos, id_space(tokenizer))


def start_worker(threads: int) -> None:
    """Set the tokenizer's threads in this process, and collect garbage rarely: syntax trees hold no cycles."""
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if threads > 1 else "false"
    os.environ["RAYON_NUM_THREADS"] = str(threads)
    gc.set_threshold(1_000_000)  # the default spends a tenth of the time of parsing on traversing trees


def run_shards(shards: list[Shard], settings: DocumentSettings, tokenizer: TokenizerFile, threads: int) -> None:
    """Encode shards in worker processes; write the record of each.

    Raises:
        UserError: a worker died.
    """
    for shard in shards:
        shard.record.begin()
    workers = min(threads, len(shards))
    with worker_pool(workers, start_worker, (max(1, threads // workers),)) as pool:
        try:
            futures = {pool.submit(encode_shard, s.source, s.prefix, settings, tokenizer): s for s in shards}
            for future in as_completed(futures):
                shard, counts = futures[future], future.result()
                shard.record.finish(shard.files, counts=counts)
                left_out = sum(reason["count"] for reason in counts["left_out"].values())
                made = f"{counts['documents']} documents, {counts['tokens']} tokens"
                lost = f"{left_out} of {counts['lines']} lines left out"
                print(f"encode: {shard.prefix.name}: {made}, {lost}", flush=True)
        except BrokenProcessPool as error:
            unfinished = ", ".join(str(shard.source) for shard in shards if not shard.is_done())
            raise UserError(
                f"a worker process died (killed, or out of memory) with {unfinished} not finished; run the same "
                f"command again, finished shards are kept; if it dies again, lower -t/--threads (now {threads})"
            ) from error
