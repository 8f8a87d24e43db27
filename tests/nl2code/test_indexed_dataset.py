"""The MMIDIDX format: golden bytes, round trips, refusals."""

import os
import pickle
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import tiny_tokenizer

from nl2code import indexed_dataset
from nl2code.code_dataset import CodeBlockDataset
from nl2code.indexed_dataset import (
    IndexedDatasetError,
    MMapIndexedDataset,
    MMapIndexedDatasetBuilder,
    best_fitting_int_dtype,
    data_file_path,
    index_file_path,
    make_builder,
)


def write(prefix, documents, dtype=np.uint16):
    builder = MMapIndexedDatasetBuilder(data_file_path(prefix), dtype)
    for document in documents:
        builder.add_item(document)
    builder.finalize(index_file_path(prefix))
    return prefix


@pytest.mark.parametrize(("dtype", "code", "letter"), [(np.uint16, 8, "H"), (np.int32, 4, "i"), (np.uint32, 9, "I")])
def test_golden_bytes(tmp_path, dtype, code, letter):
    """The layout, spelled out with struct, byte for byte."""
    write(tmp_path / "x", [[7, 8, 9], [], [65_000]], dtype)
    width = struct.calcsize("<" + letter)
    assert (tmp_path / "x.bin").read_bytes() == struct.pack(f"<4{letter}", 7, 8, 9, 65_000)
    header = b"MMIDIDX\x00\x00" + struct.pack("<QBQ", 1, code, 3)
    assert (tmp_path / "x.idx").read_bytes() == header + struct.pack("<3i3q", 3, 0, 1, 0, 3 * width, 3 * width)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 65_535), max_size=12), max_size=12))
def test_round_trip(tmp_path_factory, documents):
    prefix = write(tmp_path_factory.mktemp("round") / "x", documents)
    dataset = MMapIndexedDataset(prefix)
    assert [document.tolist() for document in dataset] == documents
    assert dataset.dtype == np.uint16


def test_parts_of_a_document(tmp_path):
    dataset = MMapIndexedDataset(write(tmp_path / "x", [[1, 2, 3, 4], [5]]))
    part = dataset.get(0, 1, 2)
    assert part.tolist() == [2, 3]
    assert not part.flags.writeable
    for place in ((1, 0, 2), (1, -1, 1), (0, 4, 1), (0, 2, -1)):  # would read into another document
        with pytest.raises(IndexError):
            dataset.get(*place)


def test_a_file_that_shrinks_while_it_is_read(tmp_path):
    dataset = MMapIndexedDataset(write(tmp_path / "x", [[1, 2, 3, 4], [5]]))
    os.truncate(tmp_path / "x.bin", 6)
    assert dataset.get(0, 0, 3).tolist() == [1, 2, 3]
    with pytest.raises(IndexedDatasetError, match="x.bin ends within document 0"):
        dataset.get(0)


def test_a_dataset_that_is_gone_holds_no_file_open(tmp_path):
    prefix = write(tmp_path / "x", [[1]])
    before = os.listdir("/dev/fd")
    dataset = MMapIndexedDataset(prefix)
    assert len(os.listdir("/dev/fd")) > len(before)
    document = dataset[0]
    del dataset
    assert document.tolist() == [1]
    assert os.listdir("/dev/fd") == before


def test_pickle_reopens(tmp_path):
    dataset = MMapIndexedDataset(write(tmp_path / "x", [[1, 2], [3]]))
    data = pickle.dumps(dataset)
    assert len(data) < 1000
    assert pickle.loads(data)[1].tolist() == [3]


def test_merge(tmp_path):
    write(tmp_path / "a", [[1], [2, 3]])
    write(tmp_path / "b", [[4, 5, 6]])
    builder = make_builder(data_file_path(tmp_path / "c"), vocab_size=1000)
    for name in "ab":
        builder.merge_file_(tmp_path / name)
    builder.finalize(index_file_path(tmp_path / "c"))
    write(tmp_path / "direct", [[1], [2, 3], [4, 5, 6]])
    for suffix in (".bin", ".idx"):
        assert (tmp_path / f"c{suffix}").read_bytes() == (tmp_path / f"direct{suffix}").read_bytes()
    wide = MMapIndexedDatasetBuilder(data_file_path(tmp_path / "d"), np.int32)
    with pytest.raises(IndexedDatasetError, match="uint16"):
        wide.merge_file_(tmp_path / "a")


def test_a_token_that_does_not_fit_is_refused(tmp_path):
    builder = MMapIndexedDatasetBuilder(data_file_path(tmp_path / "x"), np.uint16)
    with pytest.raises(ValueError, match="70000 does not fit uint16"):
        builder.add_item([1, 70_000])


def test_dtype_by_vocabulary():
    assert best_fitting_int_dtype(65_499) is np.uint16
    assert best_fitting_int_dtype(65_500) is np.int32
    assert best_fitting_int_dtype(None) is np.int32


@pytest.mark.parametrize("suffix", [".bin", ".idx"])
def test_truncated_pairs_are_refused(tmp_path, suffix):
    prefix = write(tmp_path / "x", [[1, 2], [3]])
    path = tmp_path / f"x{suffix}"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(IndexedDatasetError, match=r"has \d+ bytes"):
        MMapIndexedDataset(prefix)


def test_a_megatron_index_is_recognised(tmp_path):
    header = b"MMIDIDX\x00\x00" + struct.pack("<QBQQ", 1, 8, 2, 3)
    (tmp_path / "x.idx").write_bytes(header + struct.pack("<2i2q3q", 1, 1, 0, 2, 0, 1, 2))
    (tmp_path / "x.bin").write_bytes(bytes(4))
    with pytest.raises(IndexedDatasetError, match="Megatron"):
        MMapIndexedDataset(tmp_path / "x")


def test_check_command(tmp_path, capsys):
    prefix = write(tmp_path / "x", [[1, 2], [3]])
    assert indexed_dataset.main(["check", str(prefix)]) == 0
    assert "2 documents, 3 tokens, uint16" in capsys.readouterr().out
    (tmp_path / "x.bin").write_bytes(b"")
    assert indexed_dataset.main(["check", str(prefix)]) == 1
    assert "encode this shard again" in capsys.readouterr().err


def damaged(prefix, place: int, value: int, letter: str = "q"):
    """The dataset with one number of its index replaced; sizes begin at byte 26, offsets behind them."""
    data = bytearray((prefix.parent / f"{prefix.name}.idx").read_bytes())
    struct.pack_into("<" + letter, data, place, value)
    (prefix.parent / f"{prefix.name}.idx").write_bytes(data)
    return prefix


@pytest.mark.parametrize("value", [-8, -(1 << 62), 1 << 40, (1 << 63) - 1, 5, 2, 0, 6], ids=str)
def test_offsets_that_are_not_back_to_back_are_refused(tmp_path, capsys, value):
    """Negative, beyond the file, shifted, overlapping: offset 2 of [0, 4, 10] bytes."""
    prefix = damaged(write(tmp_path / "x", [[1, 2], [3, 4, 5], [6]]), 26 + 3 * 4 + 8, value)
    with pytest.raises(IndexedDatasetError, match="x.idx: sizes or offsets are damaged; encode this shard again"):
        MMapIndexedDataset(prefix)
    builder = make_builder(tmp_path / "y.bin")
    with pytest.raises(IndexedDatasetError):
        builder.merge_file_(prefix)
    assert indexed_dataset.main(["check", str(prefix)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_negative_size_is_refused(tmp_path):
    """Sizes [-1, 3] have the same sum as [1, 1], and offsets can agree with them."""
    prefix = damaged(damaged(write(tmp_path / "x", [[1], [2]]), 26, -1, "i"), 30, 3, "i")
    with pytest.raises(IndexedDatasetError, match="damaged"):
        MMapIndexedDataset(damaged(prefix, 26 + 8 + 8, -2))


def test_check_looks_at_the_range_of_tokens(tmp_path, capsys):
    write(tmp_path / "train", [[0, 5], [300]], np.int32)
    prefix = str(tmp_path / "train")
    assert indexed_dataset.main(["check", prefix]) == 0
    assert "2 documents, 3 tokens, int32, highest id 300" in capsys.readouterr().out
    tokenizer = tiny_tokenizer()
    tokenizer.save_pretrained(tmp_path / "model")
    limit = max(tokenizer.get_vocab().values()) + 1
    for token, message in [
        (limit - 1, ""),
        (limit, f"below {limit}, the vocabulary of model/"),
        (-1, "ids are 0 or more"),
    ]:
        write(tmp_path / "train", [[0, 5], [token]], np.int32)
        assert indexed_dataset.main(["check", prefix]) == bool(message)
        error = capsys.readouterr().err
        assert message in error and (not message or f"train.bin holds token {token}" in error)


def test_check_refuses_tokens_that_are_no_integers(tmp_path, capsys):
    for token in (1.5, float("nan")):
        write(tmp_path / "train", [[0, 5]], np.float64)
        (tmp_path / "train.bin").write_bytes(np.array([1, token]).tobytes())
        assert indexed_dataset.main(["check", str(tmp_path / "train")]) == 1
        assert f"holds token {token}; ids are integers" in capsys.readouterr().err
        with pytest.raises(IndexedDatasetError, match="ids are integers"):  # of training as well
            CodeBlockDataset(str(tmp_path / "train"), 2, pad_token_id=0).token_range()


BAD = [np.zeros((1, 3)), np.zeros((2, 4)), np.zeros(6), b"", b"junk"]
BAD += [np.full((2, 3), np.nan), np.full((2, 3), np.inf), np.full((2, 3), "a"), np.zeros((2, 3), complex)]


@pytest.mark.parametrize("features", [*BAD, {"x": np.zeros((2, 3))}], ids=str)
def test_check_looks_at_the_features(tmp_path, capsys, features):
    prefix = str(write(tmp_path / "train", [[0, 5], [3]]))
    np.save(f"{prefix}_features.npy", np.zeros((2, 3), np.float32))
    assert indexed_dataset.main(["check", prefix]) == 0
    file = tmp_path / "train_features.npy"
    if isinstance(features, bytes):
        file.write_bytes(features)
    elif isinstance(features, dict):
        with open(file, "wb") as stream:
            np.savez(stream, **features)
    else:
        np.save(file, features)
    assert indexed_dataset.main(["check", prefix]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and "train_features.npy" in error


def test_truncation_names_the_byte_counts(tmp_path):
    prefix = write(tmp_path / "x", [[1, 2], [3]])
    whole = (tmp_path / "x.bin").read_bytes()
    for data in (whole[:-2], whole + b"\0\0"):
        (tmp_path / "x.bin").write_bytes(data)
        with pytest.raises(IndexedDatasetError, match=f"has {len(data)} bytes, but its index needs 6"):
            MMapIndexedDataset(prefix)
    (tmp_path / "x.bin").write_bytes(whole)
    index = (tmp_path / "x.idx").read_bytes()
    for size in (0, 8, 25, 26, len(index) - 12):
        (tmp_path / "x.idx").write_bytes(index[:size])
        with pytest.raises(IndexedDatasetError, match=f"{size} bytes"):
            MMapIndexedDataset(prefix)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 9), max_size=20), st.integers(0, 20))
def test_every_megatron_index_is_refused(tmp_path_factory, sizes, documents):
    """Its size is 34 + 12 n + 8 x (documents + 1) bytes, which is never 26 + 12 n."""
    folder = tmp_path_factory.mktemp("megatron")
    header = b"MMIDIDX\x00\x00" + struct.pack("<QBQQ", 1, 8, len(sizes), documents + 1)
    body = struct.pack(f"<{len(sizes)}i{len(sizes)}q{documents + 1}q", *sizes, *[0] * (len(sizes) + documents + 1))
    (folder / "x.idx").write_bytes(header + body)
    (folder / "x.bin").write_bytes(bytes(2 * sum(sizes)))
    with pytest.raises(IndexedDatasetError, match="a Megatron index"):
        MMapIndexedDataset(folder / "x")
