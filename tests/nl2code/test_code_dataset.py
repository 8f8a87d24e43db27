"""Packing, resampling and blocks, against slow references and properties."""

import pickle
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nl2code.code_dataset import CodeBlockDataset, find_shards, load_resampling_weights, open_shards, resampling_weights
from nl2code.dynamic_block_dataset import pack
from nl2code.errors import UserError
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
    for block in range(len(blocks)):
        segments = blocks.segments(block)
        assert 0 < sum(length for *_, length in segments) <= block_size
        for document, first, length in segments:
            assert length > 0
            seen.update((document, first + i) for i in range(length))
    assert seen == Counter((d, i) for d, size in enumerate(sizes) for i in range(size))
    for block in (-1, len(blocks)):
        with pytest.raises(IndexError):
            blocks.segments(block)


def slow_pack(sizes, block_size):
    """The rule, one item at a time: whole blocks; then tails, largest first, each into the bin that is the fullest of
    those that take it and has been so the longest, a new one where none does."""
    blocks = [
        [(document, first, block_size)]
        for document, size in enumerate(sizes)
        for first in range(0, size - size % block_size, block_size)
    ]
    bins, free, since = [], [], []
    tails = [document for document, size in enumerate(sizes) if size % block_size]
    for moment, document in enumerate(sorted(tails, key=lambda document: -(sizes[document] % block_size))):
        size = sizes[document] % block_size
        fitting = [(free[number], since[number], number) for number in range(len(bins)) if free[number] >= size]
        if not fitting:
            bins.append([])
            free.append(block_size)
            since.append(moment)
        number = min(fitting)[2] if fitting else len(bins) - 1
        bins[number].append((document, sizes[document] - size, size))
        free[number] -= size
        since[number] = moment
    return blocks + bins


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 20))
def test_packing_equals_the_item_by_item_rule(sizes, block_size):
    blocks = pack(np.array(sizes, np.int64), block_size)
    assert [blocks.segments(block) for block in range(len(blocks))] == slow_pack(sizes, block_size)


@pytest.mark.parametrize(("block_size", "dtype"), [(255, np.uint16), (256, np.int32), (65_536, np.int64)])
def test_packing_of_many_documents_and_wide_blocks(block_size, dtype):
    """Where counts and sizes no longer fit the narrowest type."""
    sizes = np.random.default_rng(0).geometric(3 / block_size, 3000).clip(max=60_000).astype(dtype)
    sizes[:600] = 1
    blocks = pack(sizes, block_size)
    assert [blocks.segments(block) for block in range(len(blocks))] == slow_pack(sizes.tolist(), block_size)


def test_weights_follow_the_formula():
    features = np.array([[2.5, 0.25, 0.5], [7, 0, 1], [0, 1, 0]])
    expected = [(1 + 0.5) * 1 * 0.5, (1 + 1) * 1 * 1, 1 * 0.5 * 0.1]
    assert np.allclose(resampling_weights(features, "1.0_0.5_0.1"), expected)


@pytest.mark.parametrize("spec", ["1.0", "1_2_3_4", "a_b_c", ""])
def test_bad_weights_are_named(spec):
    with pytest.raises(UserError, match="a_b_c"):
        resampling_weights(np.zeros((1, 3)), spec)


def test_misaligned_features_name_the_shard(tmp_path):
    write_shard(tmp_path / "train", [[1]])
    write_shard(tmp_path / "train1", [[1], [2]], np.zeros((1, 3), np.float32))
    with pytest.raises(UserError, match="train1_features"):
        load_resampling_weights(open_shards(find_shards(tmp_path / "train")), "1_0_1")


def test_shards(tmp_path):
    with pytest.raises(UserError, match="encode the corpus"):
        find_shards(tmp_path / "train")
    for name in ("train", "train1", "train10", "train01", "train0", "valid", "trainer"):
        write_shard(tmp_path / name, [[1]])
    with pytest.raises(UserError, match="train2 is missing"):
        find_shards(tmp_path / "train")
    for number in range(2, 10):
        write_shard(tmp_path / f"train{number}", [[1]])
    names = [shard.rpartition("/")[2] for shard in find_shards(tmp_path / "train")]
    assert names == ["train", *(f"train{i}" for i in range(1, 11))]


def test_more_shards_than_open_files(tmp_path):
    """Each dataset raises the soft limit by its shards; where the hard one is too low the message says so."""
    for number in range(40):
        write_shard(tmp_path / f"train{number or ''}", [[number]])
    program = """
import resource, sys
from nl2code.code_dataset import CodeBlockDataset
resource.setrlimit(resource.RLIMIT_NOFILE, (30, int(sys.argv[2])))
for _ in range(2):
    dataset = CodeBlockDataset(sys.argv[1], 64, pad_token_id=0)
    other = CodeBlockDataset(sys.argv[1], 64, pad_token_id=0)
print(sorted(dataset[0]["input_ids"].tolist())[-3:], len(other), resource.getrlimit(resource.RLIMIT_NOFILE))
"""
    command = [sys.executable, "-c", program, str(tmp_path / "train")]
    found = subprocess.run([*command, "300"], capture_output=True, text=True)
    assert found.stdout == "[37, 38, 39] 1 (190, 300)\n", found.stderr
    found = subprocess.run([*command, "45"], capture_output=True, text=True)
    assert "40 shards need 40 open files, but this process may open 45 in all; raise that" in found.stderr


@pytest.fixture
def two_shards(tmp_path):
    """20 documents, each of one own token repeated; the weight of document i is 1 + (i mod 5) / 5."""
    documents = [[i] * (3 + 2 * i) for i in range(20)]
    features = np.array([[i % 5, 0, 1] for i in range(20)], np.float32)
    write_shard(tmp_path / "train", documents[:12], features[:12])
    write_shard(tmp_path / "train1", documents[12:], features[12:])
    return tmp_path / "train", documents


def blocks_of(dataset, epoch=0):
    return [dataset[epoch, index] for index in range(len(dataset.epoch(epoch)))]


def test_each_document_once_without_weights(two_shards):
    prefix, documents = two_shards
    dataset = CodeBlockDataset(prefix, 16, pad_token_id=PAD)
    for epoch in (0, 1):
        items = blocks_of(dataset, epoch)
        tokens = Counter(t for item in items for t in item["input_ids"][item["attention_mask"] == 1].tolist())
        assert tokens == Counter(token for document in documents for token in document)
    assert dataset.epoch(0).tokens == sum(map(len, documents))
    for item in items:
        assert set(item) == {"input_ids", "attention_mask", "labels"}
        assert item["input_ids"].shape == (16,)
        assert (item["labels"][item["attention_mask"] == 0] == -100).all()
        assert (item["input_ids"][item["attention_mask"] == 0] == PAD).all()
        assert (item["labels"] == item["input_ids"])[item["attention_mask"] == 1].all()


def slow_blocks(documents, weights, block_size, seed, epoch):
    """An epoch's blocks by plain Python: copies by weight, shuffle, packing one by one, shuffle."""
    rng = np.random.default_rng([seed, epoch])
    draws = rng.random(len(documents))
    selection = [i for i, weight in enumerate(weights) for _ in range(int(weight + draws[i]))]
    selection = [selection[i] for i in rng.permutation(len(selection))]
    blocks = []
    for segments in slow_pack([len(documents[i]) for i in selection], block_size):
        tokens = [t for packed, first, n in segments for t in documents[selection[packed]][first : first + n]]
        blocks.append(tokens + [PAD] * (block_size - len(tokens)))
    return [blocks[i] for i in rng.permutation(len(blocks))]


def test_three_epochs_equal_the_slow_reference(two_shards):
    prefix, documents = two_shards
    dataset = CodeBlockDataset(prefix, 16, pad_token_id=PAD, seed=5, resampling_weights="1.0_0_1.0")
    for epoch in range(3):
        expected = slow_blocks(documents, [1 + i % 5 / 5 for i in range(20)], 16, 5, epoch)
        assert [item["input_ids"].tolist() for item in blocks_of(dataset, epoch)] == expected


def test_resampling_depends_on_seed_and_epoch_alone(two_shards):
    prefix, _ = two_shards
    make = lambda seed: CodeBlockDataset(prefix, 16, pad_token_id=PAD, seed=seed, resampling_weights="1.0_0_1.0")  # noqa: E731
    first, second, other = make(1), make(1), make(2)
    ids = lambda dataset, epoch: [item["input_ids"].tolist() for item in blocks_of(dataset, epoch)]  # noqa: E731
    streams = {}
    for epoch in (0, 1, 2, 0):
        assert streams.setdefault(epoch, ids(first, epoch)) == ids(first, epoch)  # coming back gives it again
    assert ids(second, 2) == streams[2]
    assert streams[0] != streams[1]
    assert ids(other, 0) != streams[0]
    assert ids(pickle.loads(pickle.dumps(first)), 1) == streams[1]


def test_documents_occur_as_often_as_they_weigh(two_shards):
    prefix, documents = two_shards
    dataset = CodeBlockDataset(prefix, 16, pad_token_id=PAD, resampling_weights="1.0_0_1.0")
    total = Counter()
    for epoch in range(400):
        copies = Counter(dataset.epoch(epoch).selection.tolist())
        assert all(copies[i] in (1, 2) for i in range(20))
        total.update(copies)
    for i in range(20):
        assert abs(total[i] / 400 - (1 + i % 5 / 5)) < 0.1  # 4 standard deviations


def test_a_block_names_its_documents(two_shards):
    prefix, _ = two_shards
    dataset = CodeBlockDataset(prefix, 16, pad_token_id=PAD)
    for index, item in enumerate(blocks_of(dataset)):
        expected = {
            f"{prefix}1 document {token - 12}" if token >= 12 else f"{prefix} document {token}"
            for token in set(item["input_ids"].tolist()) - {PAD}
        }
        assert set(dataset.documents(0, index)) == expected


def test_pack_reset_counts_anew_at_each_document(two_shards):
    prefix, _ = two_shards
    plain = CodeBlockDataset(prefix, 16, pad_token_id=PAD)
    reset = CodeBlockDataset(prefix, 16, pad_token_id=PAD, pack_reset=True)
    for index in range(len(plain)):
        block, before = reset[index], plain[index]
        ids, labels = block["input_ids"].tolist(), block["labels"].tolist()
        assert np.array_equal(block["input_ids"], before["input_ids"])
        assert np.array_equal(block["attention_mask"], before["attention_mask"])
        position = 0
        for place, token in enumerate(ids):  # each document has one token of its own, so a change is a boundary
            position = position + 1 if place and token == ids[place - 1] else 0
            assert block["position_ids"][place] == position
            assert labels[place] == (token if position and token != PAD else -100)


def test_max_tokens_limits_evaluation(two_shards):
    prefix, _ = two_shards
    assert len(CodeBlockDataset(prefix, 16, pad_token_id=PAD, max_tokens=33)) == 3


def test_no_token_at_all_is_an_error(tmp_path):
    write_shard(tmp_path / "train", [])
    with pytest.raises(UserError, match="hold no token"):
        CodeBlockDataset(tmp_path / "train", 16, pad_token_id=PAD)


def test_prompts_have_no_label_where_the_loss_is_on_targets(tmp_path):
    rng = np.random.default_rng(0)
    documents = [np.arange(size) + 50 * size for size in (3, 9, 21, 1, 6)]
    masks = [rng.random(len(document)) < 0.5 for document in documents]
    write_shard(tmp_path / "train", documents)
    with pytest.raises(UserError, match="--loss_on targets needs .*train_targets.npy; encode the corpus again"):
        CodeBlockDataset(tmp_path / "train", 8, pad_token_id=PAD, loss_on="targets")
    np.save(tmp_path / "train_targets.npy", np.packbits(np.concatenate(masks)))
    whole = CodeBlockDataset(tmp_path / "train", 8, pad_token_id=PAD)
    dataset = CodeBlockDataset(tmp_path / "train", 8, pad_token_id=PAD, loss_on="targets")
    targets = {int(token) for d, mask in zip(documents, masks, strict=True) for token in d[mask]}
    labels = 0
    for index in range(len(whole)):
        block = dataset[index]
        np.testing.assert_array_equal(block["input_ids"], whole[index]["input_ids"])
        expected = [token if token in targets else -100 for token in whole[index]["labels"].tolist()]
        assert block["labels"].tolist() == expected
        labels += sum(label != -100 for label in expected[1:])
    assert dataset.predicted_tokens() == labels < whole.predicted_tokens()
    np.save(tmp_path / "train_targets.npy", np.zeros(3, np.uint8))
    with pytest.raises(UserError, match="not one bit for each of 40 tokens"):
        CodeBlockDataset(tmp_path / "train", 8, pad_token_id=PAD, loss_on="targets")
