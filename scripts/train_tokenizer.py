"""Train a byte-level BPE tokenizer on a corpus, as the paper's base has one; for models that are trained from scratch.

    python -m scripts.train_tokenizer data/Pandas/data/train -o models/my_tokenizer
    python run_cert.py --model_name_or_path llama --tokenizer_name models/my_tokenizer \\
        --config_overrides hidden_size=768,num_hidden_layers=12,num_attention_heads=12,intermediate_size=2048 ...

Any text can be encoded, and decoding gives it back: the alphabet is the 256 bytes. The folder is written whole or not at
all, and depends on the corpus and the settings alone.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from nl2code.errors import UserError, exit_status
from scripts.corpus.ledger import Ledger
from scripts.corpus.lines import BadLine, files_of, parse_line, read_lines
from scripts.file_utils import replacing_folder

END_OF_TEXT = "<|endoftext|>"


def texts(paths: list[Path], ledger: Ledger) -> Iterator[str]:
    """The `content` of every line of corpus files, and of those in folders; lines without are counted in the ledger."""
    files = files_of(paths)
    if not files:
        names = ", ".join(map(str, paths))
        raise UserError(f"no corpus file in {names}; make one with `python -m scripts.prepare_corpus`")
    for file in files:
        for line in read_lines(file, ledger):
            try:
                yield parse_line(line)[0]
            except BadLine as error:
                ledger.reject(str(error))


def train_tokenizer(documents: Iterator[str], vocab_size: int):
    """A tokenizer whose bos, eos and unk token is `<|endoftext|>`.

    Args:
        documents: texts.
        vocab_size: maximum number of tokens, the 256 bytes and the special one included.
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
    parser.add_argument("--vocab_size", type=int, default=32_000, help="maximum number of tokens (default: 32000)")
    args = parser.parse_args(argv)
    if args.vocab_size < 257:
        parser.error(f"--vocab_size {args.vocab_size}: 256 bytes and one special token need at least 257")
    if args.output.exists():
        parser.error(f"--output {args.output} is there; choose another name or delete it")

    def work() -> None:
        ledger = Ledger("corpus")
        tokenizer = train_tokenizer(texts(args.corpus, ledger), args.vocab_size)
        if ledger.seen == ledger.rejected.total():
            names, reasons = ", ".join(map(str, args.corpus)), ", ".join(sorted(ledger.rejected)) or "empty files"
            raise UserError(f"no document in {names} ({reasons}); give lines with a text as content")
        with replacing_folder(args.output) as folder:
            tokenizer.save_pretrained(folder)
        for reason, count in sorted(ledger.rejected.items()):
            print(f"left out: {count} lines, {reason}")
        print(f"{args.output}: {len(tokenizer)} tokens")

    return exit_status(work)


if __name__ == "__main__":
    sys.exit(main())
