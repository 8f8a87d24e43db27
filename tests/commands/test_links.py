"""Relative links of every Markdown page lead to a file, and their anchors to a heading there."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LISTED = subprocess.run(
    ["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True
)
PAGES = sorted(name for name in LISTED.stdout.split("\n") if name and (ROOT / name).is_file())


def prose(text: str) -> str:
    """A page without its blocks of code."""
    return re.sub(r"(?ms)^( *)(```+|~~~+).*?^ *\2 *$", "", text)


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a page.

    >>> sorted(anchors("# A b\\n## `c_d`: e, f\\n## A b\\n"))
    ['a-b', 'a-b-1', 'c_d-e-f']
    """
    found: list[str] = []
    for heading in re.findall(r"(?m)^#{1,6} +(.+?) *#*$", prose(text)):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", shown).replace(" ", "-")
        taken = sum(re.fullmatch(rf"{re.escape(slug)}(-\d+)?", name) is not None for name in found)
        found.append(f"{slug}-{taken}" if taken else slug)
    return {*found}


def dead(page: Path) -> list[str]:
    """The links of a page that lead nowhere; those of the web are not followed."""
    text = prose(page.read_text(encoding="utf-8"))
    links = re.findall(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)|(?m:^\[[^\]]+\]: *(\S+))", re.sub(r"`[^`\n]*`", "", text))
    found = []
    for link in (one or other for one, other in links):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        file = (page.parent / name) if name else page
        if not file.exists() or (anchor and anchor not in anchors(file.read_text(encoding="utf-8"))):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    assert dead(ROOT / page) == []


def test_dead_links_are_found(tmp_path):
    (tmp_path / "other.md").write_text("# One (two)\n```\n# no heading\n```\n")
    lines = ["# Top", "[a](other.md) [b](other.md#one-two) [c](#top) [w](https://x.y/z) `[d](no.md)`"]
    lines += ["[e](no.md) [f](other.md#no-heading)", "[g](#bottom)", "[h]: gone.md", "```", "[i](no.md)", "```", ""]
    (tmp_path / "page.md").write_text("\n".join(lines))
    assert dead(tmp_path / "page.md") == ["no.md", "other.md#no-heading", "#bottom", "gone.md"]
    assert len(PAGES) >= 9 and "README.md" in PAGES
