"""Hashes of files: true ones, though that of a large file is computed once."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from nl2code import hashes
from nl2code.hashes import sha256_file


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """The folder of the cache, for which ten bytes are large."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(hashes, "LARGE", 10)
    monkeypatch.setattr(hashes, "RECENT", -1)  # so that the tests need not wait
    return tmp_path / "cache" / "cert-nl2code"


@pytest.fixture
def computed(monkeypatch) -> list[str]:
    """The hashes that are computed."""
    found, file_digest = [], hashlib.file_digest

    def noted(stream, name):
        digest = file_digest(stream, name)
        found.append(digest.hexdigest())
        return digest

    monkeypatch.setattr(hashlib, "file_digest", noted)
    return found


def test_a_large_file_is_hashed_once_a_small_one_each_time(tmp_path, cache, computed):
    for name, data, times in (("large", b"0123456789", 1), ("small", b"012345678", 3)):
        (tmp_path / name).write_bytes(data)
        computed.clear()
        assert {sha256_file(tmp_path / name) for _ in range(3)} == {hashlib.sha256(data).hexdigest()}
        assert len(computed) == times
    assert len(list(cache.iterdir())) == 1


def test_every_change_is_seen(tmp_path):
    file, other = tmp_path / "file", tmp_path / "other"
    file.write_bytes(b"first bytes")
    sha256_file(file)
    times = os.stat(file).st_atime_ns, os.stat(file).st_mtime_ns
    for data in (b"other bytes", b"more than before"):
        time.sleep(0.02)  # more than the clock of a file system
        file.write_bytes(data)
        os.utime(file, ns=times)  # ctime still tells
        assert sha256_file(file) == hashlib.sha256(data).hexdigest()
    other.write_bytes(b"other bytes, of another file")
    sha256_file(other)
    os.replace(other, file)
    assert sha256_file(file) == hashlib.sha256(b"other bytes, of another file").hexdigest()


def test_a_file_that_has_just_changed_is_not_kept(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(hashes, "RECENT", 10)
    (tmp_path / "file").write_bytes(b"0123456789")
    sha256_file(tmp_path / "file")
    assert not cache.exists()


def test_a_damaged_cache_is_mended_and_none_is_needed(tmp_path, cache, computed):
    file, found = tmp_path / "file", hashlib.sha256(b"0123456789").hexdigest()
    file.write_bytes(b"0123456789")
    sha256_file(file)
    (kept,) = cache.iterdir()
    for damage in (b"", b"\xff", found[:-1].encode()):
        kept.write_bytes(damage)
        assert sha256_file(file) == found and kept.read_text() == found
    kept.unlink()
    cache.rmdir()
    cache.write_text("a file in its place")
    assert sha256_file(file) == found and len(computed) == 5


def test_a_user_without_a_home_has_hashes(tmp_path, monkeypatch, computed):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 9)  # not among the users
    (tmp_path / "file").write_bytes(b"0123456789")
    found = {sha256_file(tmp_path / "file") for _ in range(2)}
    assert found == {hashlib.sha256(b"0123456789").hexdigest()} and len(computed) == 2


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        sha256_file(tmp_path / "none")
