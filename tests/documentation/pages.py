"""The written pages of the site and the README: their code blocks, and what is marked as not to be run.

A title says why a block is only parsed and composed: "needs ..." (data, a network, a login) or "takes ..." (minutes).
A title with a path is a file, "part of ..." a fragment; every other block is run.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
DOCS = TOP / "docs"
WRITTEN = [page for page in sorted(DOCS.rglob("*.md")) if "generate" not in page.parts]
PAGES = [TOP / "README.md", *WRITTEN]
_FENCE = re.compile(r'^( *)```(\w+)(?: title="([^"]*)")?[^\n]*\n(.*?)^\1```', flags=re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    language: str
    title: str
    code: str

    @property
    def is_run(self) -> bool:
        return not self.title

    @property
    def is_file(self) -> bool:
        return "/" in self.title or "." in self.title.split(" ")[0]

    def commands(self) -> list[list[str]]:
        """The lines of a bash block as words, without comments; a backslash continues a line."""
        lines = self.code.replace("\\\n", " ").splitlines()
        return [words for line in lines if (words := shlex.split(line, comments=True))]

    def exit_codes(self) -> list[int]:
        """What the comment behind each command says, else 0."""
        lines = [line for line in self.code.replace("\\\n", " ").splitlines() if shlex.split(line, comments=True)]
        return [int(match[1]) if (match := re.search(r"#.*exit code (\d)", line)) else 0 for line in lines]


def name_of(page: Path) -> str:
    return page.relative_to(TOP).as_posix()


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str = "") -> list[Block]:
    """The blocks of a page in a language, or in any."""
    found = [Block(match[2], match[3] or "", match[4]) for match in _FENCE.finditer(text_of(page))]
    return [block for block in found if language in ("", block.language)]


def prose(page: Path) -> str:
    """What is not in a block."""
    return _FENCE.sub("", text_of(page))
