"""Pieces of markdown."""

from collections.abc import Iterable, Sequence
from pathlib import Path


def plain(text: str) -> str:
    """A text in which markdown sees no table cell, tag or emphasis; what stands in backquotes stays code."""
    parts = " ".join(text.split()).split("`")
    for position in range(0, len(parts), 2):  # outside of backquotes
        for sign in "<*_[":
            parts[position] = parts[position].replace(sign, f"\\{sign}")
    return "`".join(parts).replace("|", "\\|")


def code(text: str) -> str:
    """A text in backquotes, in a table cell."""
    text = " ".join(text.split()).replace("|", "\\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def code_block(text: str, language: str) -> str:
    """A fenced block; the fence is longer than any in the text."""
    return f"````{language}\n{text}\n````\n"


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are markdown already."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def start(name: str) -> str:
    """The written beginning of a page, starts/NAME.md."""
    return (Path(__file__).parent / "starts" / f"{name}.md").read_text(encoding="utf-8")
