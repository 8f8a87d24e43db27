"""Shares of sources, the unit of gathering a corpus: each is written whole or not at all.

A source is shared out in runs of files, whatever the number of processes. Until the corpus is finished, the documents of a
share lie beside it in two files of one name, `.texts` (see `scripts.corpus.spill`) and `.json`. So a killed run goes on
where it was, and several processes or machines gather shares of one corpus.
"""

import gc
import json
import os
import shutil
from collections import Counter
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from tqdm import tqdm

from nl2code.errors import UserError
from scripts.corpus.documents import Harvest, HarvestOptions, harvest
from scripts.corpus.ledger import Ledger
from scripts.corpus.sources import Source
from scripts.corpus.spill import Document
from scripts.file_utils import write_json
from scripts.multiprocessing_utils import worker_pool

BYTES = 1 << 20  # of a source, in a share
MOST = 64  # shares of a source: each opens it anew
FACTS = ("kind", "repo_name", "path", "licence", "characters", "tokens", "start", "size")


@dataclass(frozen=True)
class Share:
    """The k-th of n runs of a source's files, and the file of its texts."""

    source: Source
    k: int
    n: int
    size: int  # bytes, roughly
    texts: Path

    @property
    def facts(self) -> Path:
        """What else is known of the share; written last."""
        return self.texts.with_suffix(".json")

    def gather(self, options: HarvestOptions) -> None:
        """Write both files."""
        found = harvest(self.source, options, self.texts, (self.k, self.n))
        with open(self.texts) as stream:
            os.fsync(stream.fileno())
        documents = [
            [*(getattr(one, name) for name in FACTS), one.key.hex(), one.signature.hex()] for one in found.documents
        ]
        kinds = {kind: vars(ledger) for kind, ledger in found.kinds.items()}
        write_json(self.facts, {"files": vars(found.files), "kinds": kinds, "documents": documents})

    def read(self) -> Harvest:
        """What the share, which is gathered, gave."""
        known = json.loads(self.facts.read_text(encoding="utf-8"))
        kinds = {kind: ledger_of(facts) for kind, facts in known["kinds"].items()}
        return Harvest(self.source, ledger_of(known["files"]), kinds, list(map(self._document, known["documents"])))

    def _document(self, facts: list) -> Document:
        *known, key, signature = facts
        named = dict(zip(FACTS, known, strict=True))
        return Document(**named, file=str(self.texts), key=bytes.fromhex(key), signature=bytes.fromhex(signature))


def ledger_of(facts: dict) -> Ledger:
    """The ledger that `vars` told of."""
    counters = {name: Counter(facts[name]) for name in ("rejected", "tokens_rejected")}
    return Ledger(**facts | counters)


def place_of(folder: Path, options: HarvestOptions, inputs: dict[str, str], corpus_format: int) -> Path:
    """The place, in a folder, of shares that are gathered in this way from these inputs."""
    about = json.dumps([corpus_format, inputs, asdict(options)])
    return folder / sha256(about.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def shares_of(sources: list[Source], place: Path) -> list[Share]:
    """All shares of the sources, in their order. Rows of a data set are only known when they are read: one share."""
    found: list[Share] = []
    for source in sources:
        size = 1 << 40 if source.dataset else source.size  # a data set may lie on a hub
        count = 1 if source.dataset else min(max(1, size // BYTES), MOST)
        for k in range(count):
            found.append(Share(source, k, count, size // count, place / f"{len(found)}_{k}_of_{count}.texts"))
    return found


def remove_others(place: Path) -> None:
    """Remove what lies beside a place: shares gathered in another way, or from what the sources were."""
    for other in set(place.parent.iterdir()) - {place}:
        if other.is_dir():
            shutil.rmtree(other)
        else:
            other.unlink()


def gather_all(shares: list[Share], options: HarvestOptions, workers: int) -> None:
    """Gather the shares that are not there, several at a time, with a progress bar on a terminal.

    Raises:
        UserError: a source cannot be read, or a worker was killed.
    """
    # The largest first, so that none is left to run alone at the end.
    waiting = sorted((share for share in shares if not share.facts.exists()), key=lambda share: -share.size)
    with tqdm(total=len(shares), initial=len(shares) - len(waiting), unit="share", desc="corpus", disable=None) as bar:
        if min(workers, len(waiting)) <= 1:
            for share in waiting:
                share.gather(options)
                bar.update()
            return
        try:
            # Collecting garbage costs a tenth of the time of parsing, and syntax trees hold no cycles.
            with worker_pool(min(workers, len(waiting)), gc.set_threshold, (1_000_000,)) as pool:
                for done in as_completed([pool.submit(share.gather, options) for share in waiting]):
                    done.result()
                    bar.update()
        except BrokenProcessPool as error:
            advice = "run the same command again, which goes on from what is gathered, or with --workers 1"
            raise UserError(f"a worker was killed, perhaps for want of memory; {advice}") from error


def read_all(shares: list[Share]) -> list[Harvest]:
    """What each source gave, in the order of the sources; all shares are gathered."""
    found: list[Harvest] = []
    for share in shares:
        if share.k == 0:
            found.append(share.read())
        else:
            found[-1].add(share.read())
    return found
