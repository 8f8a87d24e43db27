"""Train a byte-level BPE tokenizer on a corpus, as the paper's base has one; for models that are trained from scratch.

    python -m scripts.train_tokenizer data/Pandas/data/train -o models/my_tokenizer
    python run_cert.py --model_name_or_path llama --tokenizer_name models/my_tokenizer \\
        --config_overrides hidden_size=768,num_hidden_layers=12,num_attention_heads=12,intermediate_size=2048 ...

Any text can be encoded, and decoding gives it back: the alphabet is the 256 bytes. The folder that comes out is written
whole or not at all, and depends on the corpus and the settings alone.
"""

import argparse
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from scripts.corpus.lines import BadLine, Counts, parse_line, read_lines

END_OF_TEXT = "<|endoftext|>"


def corpus_files(paths: list[Path]) -> list[Path]:
    """The corpus files in folders (in order of their names), and files given by themselves.

    Raises:
        FileNotFoundError: there is none.
    """
    found = []
    for path in paths:
        found += sorted(path.rglob("*.jsonl*")) if path.is_dir() else [path]
    missing = [str(path) for path in found if not path.is_file()]
    if missing or not found:
        names = ", ".join(missing or map(str, paths))
        raise FileNotFoundError(f"no corpus file in {names}; make one with `python -m scripts.prepare_corpus`")
    return found


def texts(files: list[Path], left_out: Counter) -> Iterator[str]:
    """The `content` of every line; lines without are counted in `left_out` by reason."""
    for file in files:
        counts = Counts(file.name)
        for line in read_lines(file, counts):
            try:
                yield parse_line(line)[0]
            except BadLine as error:
                counts.leave_out(str(error))
        left_out.update(counts.left_out)


def train_tokenizer(documents: Iterator[str], vocab_size: int):
    """A tokenizer whose bos, eos and unk token is `<|endoftext|>`.

    Args:
        documents: texts.
        vocab_size: tokens at most, the 256 bytes and the special one included.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(documents, trainer)
    special = {"bos_token": END_OF_TEXT, "eos_token": END_OF_TEXT, "unk_token": END_OF_TEXT}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, **special)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("corpus", nargs="+", type=Path, help="corpus files (.jsonl, .jsonl.gz), or folders of them")
    parser.add_argument("-o", "--output", required=True, type=Path, help="folder to write")
    parser.add_argument("--vocab_size", type=int, default=32_000, help="tokens [32000]")
    args = parser.parse_args(argv)
    if args.vocab_size < 257:
        parser.error(f"--vocab_size {args.vocab_size}: 256 bytes and one special token need at least 257")
    if args.output.exists():
        parser.error(f"--output {args.output} is there; choose another name or delete it")
    left_out: Counter = Counter()
    try:
        tokenizer = train_tokenizer(texts(corpus_files(args.corpus), left_out), args.vocab_size)
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    staging = args.output.with_name(f".{args.output.name}")
    shutil.rmtree(staging, ignore_errors=True)
    tokenizer.save_pretrained(staging)
    staging.rename(args.output)
    for reason, count in sorted(left_out.items()):
        print(f"left out: {count} lines, {reason}")
    print(f"{args.output}: {len(tokenizer)} tokens")
    return 0


if __name__ == "__main__":
    sys.exit(main())
