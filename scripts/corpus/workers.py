"""The processes that harvest the sources of a corpus (see scripts/prepare_corpus.py)."""

from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from nl2code.errors import UserError
from scripts.corpus.documents import Harvest, HarvestOptions, harvest
from scripts.corpus.sources import Source
from scripts.multiprocessing_utils import worker_pool


def harvest_all(sources: list[Source], options: HarvestOptions, workers: int, folder: Path) -> Iterator[Harvest]:
    """Harvest every source, several at a time, and yield the results in the order of the sources; texts go to `folder`."""
    workers, files = min(workers, len(sources)), {source.name: folder / str(i) for i, source in enumerate(sources)}
    if workers <= 1:
        yield from (harvest(source, options, files[source.name]) for source in sources)
        return
    try:
        with worker_pool(workers) as pool:
            # The largest first, so that none is left to run alone at the end.
            size = {source.name: source.path.stat().st_size if source.path.is_file() else 1 << 40 for source in sources}
            order = sorted(sources, key=lambda source: -size[source.name])
            jobs = {source.name: pool.submit(harvest, source, options, files[source.name]) for source in order}
            yield from (jobs[source.name].result() for source in sources)
    except BrokenProcessPool as error:
        advice = "perhaps for want of memory; run again, or with --workers 1"
        raise UserError(f"a worker was killed, {advice}") from error
