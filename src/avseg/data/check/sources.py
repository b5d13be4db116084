"""Instructions for obtaining each data set, read from sources.toml: the text of `avseg data help`."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from avseg.utils.choices import check_choice


@dataclass(frozen=True)
class Source:
    """One data set; the fields are described in sources.toml."""

    name: str
    title: str
    content: str
    obtain: tuple[str, ...]
    licence: str
    folder: str
    files: tuple[str, ...]
    check: str
    use: str


@cache
def read_sources() -> dict[str, Source]:
    """Return all data sets by name, in the order of the file."""
    tables = tomllib.loads(Path(__file__).with_name("sources.toml").read_text(encoding="utf-8"))
    sources: dict[str, Source] = {}
    for name, table in tables.items():
        obtain = tuple(table.pop("obtain"))
        sources[name] = Source(name=name, obtain=obtain, files=tuple(table.pop("files")), **table)
    return sources


def find_source(name: str) -> Source:
    """Return the data set of a name in any case, with `-` or spaces for `_`; raises `UserError` if it is unknown."""
    key = name.lower().replace("-", "_").replace(" ", "_").removeprefix("avsbench_")
    check_choice("data set", key, read_sources())
    return read_sources()[key]
