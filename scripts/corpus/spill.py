"""The documents of a source while a corpus is made: facts in memory, texts in a file beside the corpus.

A document takes about 400 bytes of memory, 560 where near copies are looked for, whatever its length; the split and the
search for near copies take 300 to 500 more while they run.
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO

from scripts.corpus.near_copies import signature


@dataclass(slots=True, eq=False)
class Document:
    """What decides on a document, and where its corpus line is."""

    kind: str
    repo_name: str
    path: str
    licence: str
    characters: int
    tokens: int  # 0 where none are counted
    key: bytes  # equal where texts are equal in all but white space
    file: str
    start: int  # bytes
    size: int  # bytes
    signature: bytes = b""  # see `scripts.corpus.near_copies`; empty where near copies are not looked for

    def row(self) -> dict:
        """The corpus line."""
        with open(self.file, "rb") as stream:
            stream.seek(self.start)
            return json.loads(stream.read(self.size).decode("utf-8", "surrogatepass"))

    def text(self) -> str:
        """The content of the corpus line."""
        return self.row()["content"]


def spill(stream: BinaryIO, kind: str, row: dict, tokens: int) -> Document:
    """Write a corpus line to a file, open for binary writing; its document can be read once the file is closed."""
    text, start = row["content"], stream.tell()
    size = stream.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    key = sha256(" ".join(text.split()).encode("utf-8", "surrogatepass")).digest()[:16]
    facts = kind, row["repo_name"], row["path"], row["license"], len(text), tokens
    return Document(*facts, key, str(stream.name), start, size)


def sign(documents: list[Document]) -> None:
    """Give documents their signatures: apart from other work, which is slower where this comes between."""
    for one in documents:
        one.signature = signature(one.text())
