"""Reads sweep.yaml and published.csv of an experiment; every mistake is told in one line.

A table is rows times columns; each row and each column holds only the overrides by which it differs. A file may extend
another one: it then states only what it changes, and `replace` exchanges single overrides by others.
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from avseg.config.experiments import experiments_folder
from avseg.utils.errors import UserError, nearest

Place: TypeAlias = tuple[str, str]  # row, column
Words: TypeAlias = tuple[str, ...]

_KEYS = ["extends", "title", "note", "metric", "metrics", "seeds", "common", "rows", "columns", "replace", "compare"]
_KEYS += ["panels", "picture", "prepare"]
_MAPPINGS = ("metrics", "rows", "columns", "replace", "compare", "panels", "picture", "prepare")
_PUBLISHED = ["row", "column", "metric", "value"]


@dataclass(frozen=True)
class Picture:
    """How the table is drawn.

    Attributes:
        name: of the PNG, without suffix.
        label: of the axis along which the columns stand.
        joined: whether a line joins the columns, since they have an order.
        panels: the rows of each panel.
    """

    name: str
    label: str
    joined: bool
    panels: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class SweepFile:
    """What a sweep.yaml says, with that of the file it extends.

    Attributes:
        title: what the table shows.
        note: what a reader must know, printed below the table.
        metric: a key of `scores.own` in result.json.
        metrics: for rows or columns that show another one: its key, by the name of the row or column.
        seeds: of each cell.
        common: overrides of all cells.
        rows: the overrides of each row.
        columns: the overrides of each column.
        pairs: the cells that are compared, "columns" within a row and "rows" within a column; first, second.
        picture: how it is drawn.
        prepare: the words of `avseg data` that make the data folder of each name.
    """

    title: str
    note: str
    metric: str
    metrics: Mapping[str, str]
    seeds: tuple[int, ...]
    common: Words
    rows: Mapping[str, Words]
    columns: Mapping[str, Words]
    pairs: Mapping[str, tuple[tuple[Place, Place], ...]]
    picture: Picture
    prepare: Mapping[str, Words]


def read_sweep_file(folder: Path) -> SweepFile:
    """Reads `folder/sweep.yaml` and what it extends.

    Raises:
        UserError: the file is missing, is not yaml, has an unknown key, or a value that does not fit.
    """
    values = _values(folder)
    rows, columns = _words_by_name(folder, "rows", values), _words_by_name(folder, "columns", values)
    exchange = {str(word): _words(folder, "replace", new) for word, new in (values.get("replace") or {}).items()}
    common = _words(folder, "common", values.get("common") or [])
    every = {word for words in (common, *rows.values(), *columns.values()) for word in words}
    for word in exchange.keys() - every:
        raise UserError(f"{folder}/sweep.yaml: replace: no row or column says '{word}'{nearest(word, every)}")
    return SweepFile(
        title=" ".join(str(values.get("title", folder.name)).split()),
        note=" ".join(str(values.get("note") or "").split()),
        metric=str(values.get("metric", "miou")),
        metrics=_metrics(folder, values.get("metrics") or {}, [*rows, *columns]),
        seeds=_seeds(folder, values.get("seeds", [123])),
        common=_exchanged(common, exchange),
        rows={name: _exchanged(words, exchange) for name, words in rows.items()},
        columns={name: _exchanged(words, exchange) for name, words in columns.items()},
        pairs=_pairs(folder, values.get("compare") or {}, list(rows), list(columns)),
        picture=_picture(folder, values.get("picture") or {}, values.get("panels"), list(rows)),
        prepare={str(name): _words(folder, "prepare", w) for name, w in (values.get("prepare") or {}).items()},
    )


def read_published(folder: Path, sweep: SweepFile) -> dict[tuple[str, str, str], float]:
    """The paper's numbers in per cent by row, column and metric; of an experiment that extends another, the other's.

    Raises:
        UserError: the file is missing, or names a row, column or value that cannot be.
    """
    path = folder / "published.csv"
    while not path.is_file():
        extended = _load(path.parent).get("extends")
        if not extended:
            raise UserError(f"{path} does not exist; it holds the published numbers: {','.join(_PUBLISHED)}")
        path = experiments_folder() / str(extended) / "published.csv"
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != _PUBLISHED:
            raise UserError(f"{path}: the columns must be {','.join(_PUBLISHED)}")
        return dict(_published(path, reader.line_num, line, sweep) for line in reader)


def _published(path: Path, number: int, line: dict[str, Any], sweep: SweepFile) -> tuple[tuple[str, str, str], float]:
    for key, names in (("row", list(sweep.rows)), ("column", list(sweep.columns))):
        if line[key] not in names:
            raise UserError(f"{path}: there is no {key} '{line[key]}'; {key}s: {', '.join(names)}")
    try:
        return (line["row"], line["column"], str(line["metric"])), float(line["value"])
    except (TypeError, ValueError):
        raise UserError(f"{path}: {line['row']}, {line['column']}: '{line['value']}' is not a number") from None


def _values(folder: Path) -> dict[str, Any]:
    """The entries of a file over those of the file it extends; overrides of all cells are added to, not replaced."""
    own = _load(folder)
    if not own.get("extends"):
        return own
    base = experiments_folder() / str(own["extends"])
    if not (base / "sweep.yaml").is_file():
        names = [path.name for path in experiments_folder().iterdir()]
        raise UserError(f"{folder}/sweep.yaml: extends: {own['extends']} does not exist{nearest(base.name, names)}")
    below = _values(base)
    return below | own | {"common": [*(below.get("common") or []), *(own.get("common") or [])]}


def _load(folder: Path) -> dict[str, Any]:
    path = folder / "sweep.yaml"
    try:
        values = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except (YAMLError, OmegaConfBaseException) as error:
        raise UserError(f"{path}: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise UserError(f"{path} holds no entries; it needs title, rows and columns")
    for key in values:
        if key not in _KEYS:
            raise UserError(f"{path}: unknown key '{key!s}'; use {', '.join(_KEYS)}{nearest(str(key), _KEYS)}")
        if key in _MAPPINGS and not isinstance(values[key], dict):
            raise UserError(f"{path}: {key!s}: '{values[key]}' is no mapping; write NAME: VALUE lines below {key!s}")
    return {str(key): value for key, value in values.items()}


def _words_by_name(folder: Path, key: str, values: Mapping[str, Any]) -> dict[str, Words]:
    entries = values.get(key)
    if not entries:
        raise UserError(f"{folder}/sweep.yaml: {key} is missing; give each a name and a list of overrides")
    return {str(name): _words(folder, f"{key}: {name}", words) for name, words in entries.items()}


def _words(folder: Path, key: str, words: Any) -> Words:
    if not isinstance(words, list) or not all(isinstance(word, str | int | float) for word in words):
        raise UserError(f"{folder}/sweep.yaml: {key}: '{words}' is not a list; write [KEY=VALUE, ...]")
    return tuple(str(word) for word in words)


def _exchanged(words: Words, exchange: Mapping[str, Words]) -> Words:
    return tuple(new for word in words for new in exchange.get(word, (word,)))


def _metrics(folder: Path, metrics: Mapping[str, Any], names: list[str]) -> dict[str, str]:
    _check_names(f"{folder}/sweep.yaml: metrics", map(str, metrics), names)
    return {str(name): str(metric) for name, metric in metrics.items()}


def _seeds(folder: Path, seeds: Any) -> tuple[int, ...]:
    if not isinstance(seeds, list) or not seeds or not all(isinstance(seed, int) and seed >= 0 for seed in seeds):
        raise UserError(f"{folder}/sweep.yaml: seeds: '{seeds}' is not a list of whole numbers, such as [1, 2, 3]")
    return tuple(seeds)


def _pairs(
    folder: Path, compare: Mapping[str, Any], rows: list[str], columns: list[str]
) -> dict[str, tuple[tuple[Place, Place], ...]]:
    """Which cells are compared: in `columns`, cells of one row; in `rows`, cells of one column."""
    where = f"{folder}/sweep.yaml: compare"
    for key in compare.keys() - {"columns", "rows"}:
        raise UserError(f"{where}: unknown key '{key}'; use columns, rows{nearest(str(key), ['columns', 'rows'])}")
    found: dict[str, tuple[tuple[Place, Place], ...]] = {}
    if "columns" in compare:
        pairs = _named_pairs(f"{where}: columns", compare["columns"], columns)
        found["columns"] = tuple(((row, a), (row, b)) for row in rows for a, b in pairs)
    if "rows" in compare:
        pairs = _named_pairs(f"{where}: rows", compare["rows"], rows)
        found["rows"] = tuple(((a, column), (b, column)) for column in columns for a, b in pairs)
    return found


def _named_pairs(where: str, value: Any, names: list[str]) -> list[tuple[str, str]]:
    if value == "neighbours":
        return list(pairwise(names))
    if not isinstance(value, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        raise UserError(f"{where}: '{value}' is neither neighbours nor a list of pairs, [[FIRST, SECOND], ...]")
    pairs = [(str(first), str(second)) for first, second in value]
    _check_names(where, (name for pair in pairs for name in pair), names)
    return pairs


def _picture(folder: Path, picture: Mapping[str, Any], panels: Any, rows: list[str]) -> Picture:
    where = f"{folder}/sweep.yaml: picture"
    for key in picture.keys() - {"name", "label", "joined"}:
        raise UserError(f"{where}: unknown key '{key}'{nearest(str(key), ['name', 'label', 'joined'])}")
    shown = {str(name): tuple(map(str, members)) for name, members in (panels or {"": rows}).items()}
    _check_names(f"{folder}/sweep.yaml: panels", (row for members in shown.values() for row in members), rows)
    label = str(picture.get("label", ""))
    return Picture(str(picture.get("name", folder.name)), label, bool(picture.get("joined", False)), shown)


def _check_names(where: str, asked: Iterable[str], names: list[str]) -> None:
    for name in asked:
        if name not in names:
            raise UserError(f"{where}: there is no '{name}'; there are {', '.join(names)}{nearest(name, names)}")
