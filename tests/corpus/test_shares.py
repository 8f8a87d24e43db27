"""Shares of sources: gathered once, by any process, and the same documents for any number of them."""

import fcntl
import tarfile
from pathlib import Path

import pytest

from scripts.corpus import shares
from scripts.corpus.documents import HarvestOptions, harvest
from scripts.corpus.shares import Share, shares_of
from scripts.corpus.sources import Source, resolve
from scripts.prepare_corpus import main

CODE = "import pandas as pd\n\n\ndef f_{n}(frame):\n    kept = frame[frame.x > {n}]\n    return kept\n"
OPTIONS = HarvestOptions("pandas", ("code", "mined"), False, (), (), near_copies=True)


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Path:
    """Twelve files, in shares of about four."""
    folder = tmp_path / "repo"
    (folder / "data").mkdir(parents=True)
    for n in range(12):
        (folder / f"file_{n:02}.py").write_text(CODE.format(n=n))
    (folder / "data" / "x.csv").write_text("1\n")
    monkeypatch.setattr(shares, "BYTES", int(3.5 * len(CODE)))
    return folder


@pytest.fixture
def gathered(monkeypatch) -> list[int]:
    """The numbers of the shares that this process gathers."""
    numbers, gather = [], Share.gather

    def noted(share: Share, options: HarvestOptions) -> None:
        numbers.append(share.k)
        gather(share, options)

    monkeypatch.setattr(Share, "gather", noted)
    return numbers


def run(repository: Path, *options: object, output: str = "out") -> int:
    """Make a corpus beside the repository."""
    place = repository.parent / output
    return main([str(part) for part in ("--sources", repository, "-o", place, "--workers", 1, *options)])


def bytes_of(output: Path) -> dict[str, bytes]:
    """The shards of a corpus."""
    return {path.relative_to(output).as_posix(): path.read_bytes() for path in output.glob("*/*.gz")}


def beside(output: Path) -> set[str]:
    """What a corpus has beside it."""
    return {path.name for path in output.parent.glob(f".{output.name}*")}


def test_ranks_gather_and_the_last_command_makes_the_same_corpus(repository, gathered, capsys, monkeypatch):
    output = repository.parent / "out"
    for rank in (2, 0):
        assert run(repository, "--rank", rank, "--world_size", 3) == 0
        assert f"rank {rank} of 3 has gathered 1 of 3 shares" in capsys.readouterr().out
    assert gathered == [2, 0] and not output.exists()
    assert run(repository, "--rank", 0, "--world_size", 3) == 0 and gathered == [2, 0]
    assert run(repository, "--workers", 2) == 0 and gathered == [2, 0, 1]
    assert beside(output) == {".out.lock"}
    monkeypatch.setattr(shares, "BYTES", 1 << 20)
    run(repository, output="alone")
    assert bytes_of(output) == bytes_of(repository.parent / "alone") and len(bytes_of(output)) == 2


def test_what_is_gathered_is_kept_where_a_run_is_cut(repository, gathered, monkeypatch, capsys):
    def full(path: Path, value: object) -> None:
        if len(gathered) == 2:
            raise OSError(28, "No space left on device")
        write_json(path, value)

    write_json = shares.write_json
    monkeypatch.setattr(shares, "write_json", full)
    assert run(repository) == 1
    assert "No space left" in capsys.readouterr().err and gathered == [0, 1]
    monkeypatch.setattr(shares, "write_json", write_json)
    assert run(repository) == 0
    assert gathered == [0, 1, 1, 2] and beside(repository.parent / "out") == {".out.lock"}
    run(repository, output="alone")
    assert bytes_of(repository.parent / "out") == bytes_of(repository.parent / "alone")


def test_shares_of_what_has_changed_are_gathered_again(repository, gathered):
    run(repository, "--rank", 0, "--world_size", 2)
    assert gathered == [0, 2]
    (repository / "file_00.py").write_text(CODE.format(n=100))
    run(repository)
    run(repository, output="alone")
    assert gathered == [0, 2, 0, 1, 2, 0, 1, 2]
    assert bytes_of(repository.parent / "out") == bytes_of(repository.parent / "alone")


@pytest.mark.parametrize(("before", "after"), [(0, 5000), (2, 5000), (5000, 2), (5000, 0)])
def test_files_that_are_not_read_move_no_border(repository, gathered, before, after):
    """Bytes of a table while shares are gathered; it is not there at 0."""
    table = repository / "data" / "x.csv"
    for size in (before, after):
        table.write_bytes(bytes(size)) if size else table.unlink()
        run(repository, *(["--rank", 0, "--world_size", 2] if gathered == [] else []))
    assert gathered == [0, 2, 1]
    run(repository, output="alone")
    assert bytes_of(repository.parent / "out") == bytes_of(repository.parent / "alone")


def test_settings_that_come_after_the_gathering_gather_nothing_again(repository, gathered, capsys):
    assert run(repository, "--max_share", 0.5) == 1
    assert "--max_share 0.5 needs two repositories" in capsys.readouterr().err and gathered == [0, 1, 2]
    assert run(repository, "--seed", 7) == 0 and gathered == [0, 1, 2]


def test_processes_at_work_are_not_disturbed(repository, capsys):
    parts = repository.parent / ".out.parts"
    run(repository, "--rank", 1, "--world_size", 2)
    with open(parts / "1.lock", "w") as stream, open(repository.parent / ".out.lock", "w") as other:
        fcntl.flock(stream, fcntl.LOCK_EX)
        fcntl.flock(other, fcntl.LOCK_SH)  # as process 1 holds them
        assert run(repository, "--rank", 1, "--world_size", 2) == 1
        assert "another process is making" in capsys.readouterr().err
        assert run(repository) == 1
        assert "another process is making" in capsys.readouterr().err
        assert run(repository, "--rank", 0, "--world_size", 2) == 0


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--rank", 2, "--world_size", 2], "--rank is 2 of --world_size 2; give 0 to --world_size - 1"),
        (["--world_size", 2], "--world_size is 2 without --rank; give each process its --rank"),
    ],
)
def test_ranks_that_do_not_fit_are_refused(repository, capsys, flags, message):
    assert run(repository, *flags) == 1
    assert message in capsys.readouterr().err


def test_what_is_read_back_is_what_was_gathered(repository, tmp_path):
    (repository / "odd.py").write_text(CODE.format(n=1) + "TEXT = '\\ud800 é'\n")
    (repository / "broken.py").write_text("import pandas\n(\n")
    source = resolve(str(repository), tmp_path)
    (share,) = [Share(source, 0, 1, 1, tmp_path / "0.texts")]
    share.gather(OPTIONS)
    told, found = harvest(source, OPTIONS, tmp_path / "other"), share.read()
    assert vars(found.files) == vars(told.files)
    assert {kind: vars(ledger) for kind, ledger in found.kinds.items()} == {
        kind: vars(ledger) for kind, ledger in told.kinds.items()
    }
    facts = [(*(getattr(one, name) for name in shares.FACTS), one.key, one.signature) for one in found.documents]
    assert facts == [(*(getattr(one, name) for name in shares.FACTS), one.key, one.signature) for one in told.documents]
    assert [one.row() for one in found.documents] == [one.row() for one in told.documents] and len(facts) == 13


def test_a_source_has_shares_by_its_size(tmp_path):
    for size, count in ((0, 1), (shares.BYTES, 1), (5 * shares.BYTES, 5), (1000 * shares.BYTES, shares.MOST)):
        found = shares_of([Source(name, tmp_path / name, "MIT", "0", size) for name in "xy"], tmp_path)
        assert [(one.k, one.n) for one in found] == [(k, count) for k in range(count)] * 2
        assert len({one.texts for one in found}) == 2 * count
    rows = Source("z", tmp_path / "z", "MIT", "0", dataset=("a/b", "", "train"))
    assert [one.n for one in shares_of([rows], tmp_path)] == [1]


def test_the_size_of_a_source_is_that_of_what_is_read(repository, tmp_path):
    (repository / "data" / "x.csv").write_bytes(bytes(5000))
    (repository / "LICENSE").write_text("MIT\n")
    with tarfile.open(tmp_path / "repo.tar.gz", "w:gz") as archive:
        archive.add(repository, "repo")
    size = sum(file.stat().st_size for file in repository.glob("*.*")) + 4
    assert [resolve(str(path), tmp_path).size for path in (repository, tmp_path / "repo.tar.gz")] == [size, size]
