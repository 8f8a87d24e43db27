"""Packing, resampling and blocks, against slow references and properties."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nl2code.code_dataset import CodeBlockDataset, find_shards, load_resampling_weights, resampling_weights
from nl2code.dynamic_block_dataset import best_fit_decreasing, pack
from nl2code.indexed_dataset import MMapIndexedDatasetBuilder, data_file_path, index_file_path

PAD = 999


def write_shard(prefix, documents, features=None):
    builder = MMapIndexedDatasetBuilder(data_file_path(prefix), np.uint16)
    for document in documents:
        builder.add_item(document)
    builder.finalize(index_file_path(prefix))
    np.save(f"{prefix}_features.npy", np.zeros((len(documents), 3), np.float32) if features is None else features)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=30), st.integers(1, 16))
def test_packing_covers_every_token_once(sizes, block_size):
    blocks = pack(np.array(sizes, np.int64), block_size)
    seen = Counter()
    for document, first, length in zip(blocks.document, blocks.first, blocks.length, strict=True):
        seen.update((document, first + i) for i in range(length))
    assert seen == Counter((d, i) for d, size in enumerate(sizes) for i in range(size))
    fill = [blocks.length[a:b].sum() for a, b in zip(blocks.starts, blocks.starts[1:], strict=False)]
    assert all(0 < tokens <= block_size for tokens in fill)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(1, 12), max_size=40))
def test_best_fit_equals_the_item_by_item_rule(sizes):
    """The grouped algorithm fills bins exactly as the textbook one, which takes items one at a time."""
    sizes = np.array(sizes, np.int64)
    filled: list[int] = []
    for size in sorted(sizes.tolist(), reverse=True):
        fitting = [(12 - used, number) for number, used in enumerate(filled) if used + size <= 12]
        if fitting:
            filled[min(fitting)[1]] += size
        else:
            filled.append(size)
    bins, offsets = best_fit_decreasing(sizes, 12)
    totals = np.bincount(bins, weights=sizes).astype(int).tolist() if len(sizes) else []
    assert sorted(totals) == sorted(filled)
    for number in set(bins.tolist()):  # items of a bin lie back to back
        inside = sorted((offsets[i], sizes[i]) for i in np.flatnonzero(bins == number))
        assert all(a + size == b for (a, size), (b, _) in zip(inside, inside[1:], strict=False))


def test_weights_follow_the_formula():
    features = np.array([[2.5, 0.25, 0.5], [7, 0, 1], [0, 1, 0]])
    expected = [(1 + 0.5) * 1 * 0.5, (1 + 1) * 1 * 1, 1 * 0.5 * 0.1]
    assert np.allclose(resampling_weights(features, "1.0_0.5_0.1"), expected)


@pytest.mark.parametrize("spec", ["1.0", "1_2_3_4", "a_b_c", ""])
def test_bad_weights_are_named(spec):
    with pytest.raises(ValueError, match="a_b_c"):
        resampling_weights(np.zeros((1, 3)), spec)


def test_misaligned_features_name_the_shard(tmp_path):
    write_shard(tmp_path / "train", [[1]])
    write_shard(tmp_path / "train1", [[1], [2]], np.zeros((1, 3), np.float32))
    with pytest.raises(ValueError, match="train1_features"):
        load_resampling_weights(find_shards(tmp_path / "train"), "1_0_1")


def test_shards(tmp_path):
    with pytest.raises(FileNotFoundError, match="encode the corpus"):
        find_shards(tmp_path / "train")
    for name in ("train", "train1", "train10", "valid", "trainer"):
        write_shard(tmp_path / name, [[1]])
    with pytest.raises(FileNotFoundError, match="train2 is missing"):
        find_shards(tmp_path / "train")
    for number in range(2, 10):
        write_shard(tmp_path / f"train{number}", [[1]])
    names = [shard.rpartition("/")[2] for shard in find_shards(tmp_path / "train")]
    assert names == ["train", *(f"train{i}" for i in range(1, 11))]


@pytest.fixture
def two_shards(tmp_path):
    """20 documents, each of one own token repeated; the weight of document i is 1 + (i mod 5) / 5."""
    documents = [[i] * (3 + 2 * i) for i in range(20)]
    features = np.array([[i % 5, 0, 1] for i in range(20)], np.float32)
    write_shard(tmp_path / "train", documents[:12], features[:12])
    write_shard(tmp_path / "train1", documents[12:], features[12:])
    return tmp_path / "train", documents


def tokens_of(dataset):
    return Counter(token for item in dataset for token in item["input_ids"][item["attention_mask"] == 1].tolist())


def test_each_document_once_without_weights(two_shards):
    prefix, documents = two_shards
    dataset = CodeBlockDataset(prefix, 16, pad_token_id=PAD)
    assert tokens_of(dataset) == Counter(token for document in documents for token in document)
    assert dataset.tokens_per_epoch == sum(map(len, documents))
    for item in dataset:
        assert item["input_ids"].shape == (16,)
        assert (item["labels"][item["attention_mask"] == 0] == -100).all()
        assert (item["input_ids"][item["attention_mask"] == 0] == PAD).all()
        assert (item["labels"] == item["input_ids"])[item["attention_mask"] == 1].all()


def test_resampling_depends_on_seed_and_epoch_alone(two_shards):
    prefix, documents = two_shards
    make = lambda seed: CodeBlockDataset(prefix, 16, pad_token_id=PAD, seed=seed, resampling_weights="1.0_0_1.0")  # noqa: E731
    first, second, other = make(1), make(1), make(2)
    streams = {}
    for epoch in (0, 1, 2, 0):
        first.set_epoch(epoch)
        stream = [item["input_ids"].tolist() for item in first]
        assert streams.setdefault(epoch, stream) == stream  # coming back to an epoch gives it again
    second.set_epoch(2)
    assert [item["input_ids"].tolist() for item in second] == streams[2]
    assert streams[0] != streams[1]
    assert [item["input_ids"].tolist() for item in other] != streams[0]


def test_documents_occur_as_often_as_they_weigh(two_shards):
    prefix, documents = two_shards
    dataset = CodeBlockDataset(prefix, 16, pad_token_id=PAD, resampling_weights="1.0_0_1.0")
    total = Counter()
    for epoch in range(400):
        dataset.set_epoch(epoch)
        copies = Counter(dataset.selection.tolist())
        assert all(copies[i] in (1, 2) for i in range(20))
        total.update(copies)
    for i in range(20):
        assert abs(total[i] / 400 - (1 + i % 5 / 5)) < 0.1  # 4 standard deviations


def test_max_tokens_limits_evaluation(two_shards):
    prefix, _ = two_shards
    assert len(CodeBlockDataset(prefix, 16, pad_token_id=PAD, max_tokens=33)) == 3


def test_no_token_at_all_is_an_error(tmp_path):
    write_shard(tmp_path / "train", [])
    with pytest.raises(ValueError, match="hold no token"):
        CodeBlockDataset(tmp_path / "train", 16, pad_token_id=PAD)
