"""Read the sweep.yaml of an experiment; every mistake is a one-line error.

Rows and columns list the overrides by which they differ. A file that extends another one states only its changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain, pairwise, product
from pathlib import Path
from typing import TypeAlias

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from avseg.config.paths import experiment_folder, experiment_names
from avseg.tables.sweep_values import (
    Overrides,
    check_names,
    is_list_of,
    one_line,
    override_lists,
    read_mapping,
    read_overrides,
)
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError

CellKey: TypeAlias = tuple[str, str]  # row, column
Pair: TypeAlias = tuple[CellKey, CellKey]

_MAPPINGS = ("metrics", "rows", "columns", "replace", "compare", "panels", "picture", "prepare", "clips")
_KEYS = ("extends", "title", "note", "metric", "seeds", "common", "runs_of", *_MAPPINGS)


@dataclass(frozen=True)
class Plot:
    """Layout of the table's plot."""

    name: str  # of the PNG, without suffix
    label: str  # of the axis of columns
    joined: bool  # True if a line joins the columns, because they have an order
    panels: Mapping[str, tuple[str, ...]]  # rows of each panel


@dataclass(frozen=True)
class SweepFile:
    """Content of a sweep.yaml, merged with the file that it extends."""

    title: str
    note: str  # printed below the table
    metric: str  # a key of `scores.own` in result.json
    metrics: Mapping[str, str]  # of the rows or columns that show another metric
    seeds: tuple[int, ...]
    common: Overrides  # of all cells
    rows: Mapping[str, Overrides]
    columns: Mapping[str, Overrides]
    pairs: Mapping[str, list[Pair]]  # cells to compare: "columns" within a row, "rows" within a column
    plot: Plot
    prepare: Mapping[str, Overrides]  # arguments of `avseg data` by the folder of the data set that they generate
    clips: Mapping[str, Overrides] = field(default_factory=dict)  # of a figure: what `avseg compare` shows, by column
    runs_of: str | None = None  # the experiment whose runs these are

    def metric_at(self, key: CellKey) -> str:
        """Return the metric of a cell."""
        row, column = key
        return self.metrics.get(row) or self.metrics.get(column) or self.metric


def read_sweep_file(folder: Path) -> SweepFile:
    """Read `folder/sweep.yaml` and the file that it extends; every mistake in them is a `UserError`."""
    file = folder / "sweep.yaml"
    entries = _merged(folder)
    rows = override_lists(file, "rows", entries)
    columns = override_lists(file, "columns", entries)
    for key, lists in (("rows", rows), ("columns", columns)):
        if not lists:
            raise UserError(f"{file}: {key} is missing; give each a name and a list of overrides")
    common = read_overrides(file, "common", entries.get("common") or [])
    replacements = override_lists(file, "replace", entries)
    used = list(chain(common, *rows.values(), *columns.values()))
    for override in replacements:
        check_choice("override", override, used, f"{file}: replace")
    metrics = {name: str(metric) for name, metric in read_mapping(file, "metrics", entries).items()}
    check_names(f"{file}: metrics", metrics, (*rows, *columns))
    return SweepFile(
        title=one_line(entries.get("title", folder.name)),
        note=one_line(entries.get("note") or ""),
        metric=str(entries.get("metric", "miou")),
        metrics=metrics,
        seeds=_seeds(file, entries.get("seeds", [123])),
        common=_replaced({"common": common}, replacements)["common"],
        rows=_replaced(rows, replacements),
        columns=_replaced(columns, replacements),
        pairs=_pairs(file, read_mapping(file, "compare", entries), list(rows), list(columns)),
        plot=_plot(file, entries, list(rows)),
        clips=_clips(file, entries, list(columns)),
        runs_of=_runs_of(file, entries),
        prepare=override_lists(file, "prepare", entries),
    )


def _merged(folder: Path) -> dict[str, object]:
    """Merge the entries of a file over those of the file that it extends; the overrides of `common` are appended."""
    entries = load_entries(folder)
    if not entries.get("extends"):
        return entries
    check_choice("extends", entries["extends"], experiment_names(), f"{folder}/sweep.yaml")
    base_entries = _merged(experiment_folder(str(entries["extends"])))
    common: list[object] = []
    for overrides in (base_entries.get("common"), entries.get("common")):
        common += overrides if isinstance(overrides, list) else []
    # the extending file's overrides come last, so they win
    return base_entries | entries | {"common": common}


def load_entries(folder: Path) -> dict[str, object]:
    """Read the entries of one file, without those of the file that it extends."""
    path = folder / "sweep.yaml"
    try:
        entries: object = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except (YAMLError, OmegaConfBaseException) as error:
        raise UserError(f"{path}: {one_line(error)}") from error
    if not isinstance(entries, dict):
        raise UserError(f"{path} holds no entries; it needs title, rows and columns")
    for key in entries:
        check_choice("key", key, _KEYS, str(path))
    return dict(zip(map(str, entries), entries.values(), strict=True))


def _replaced(lists: Mapping[str, Overrides], replacements: Mapping[str, Overrides]) -> dict[str, Overrides]:
    result: dict[str, Overrides] = {}
    for name, overrides in lists.items():
        result[name] = ()
        for override in overrides:
            result[name] += replacements.get(override, (override,))
    return result


def _clips(file: Path, entries: Mapping[str, object], columns: list[str]) -> dict[str, Overrides]:
    clips = override_lists(file, "clips", entries)
    check_names(f"{file}: clips", clips, columns)
    return clips


def _runs_of(file: Path, entries: Mapping[str, object]) -> str | None:
    name = entries.get("runs_of")
    if name is not None:
        check_choice("runs_of", name, experiment_names(), str(file))
    return None if name is None else str(name)


def _seeds(file: Path, seeds: object) -> tuple[int, ...]:
    if not is_list_of(seeds, int) or not seeds or min(seeds) < 0:
        raise UserError(f"{file}: seeds: '{seeds}' is not a list of whole numbers, such as [1, 2, 3]")
    return tuple(seeds)


def _pairs(file: Path, compare: Mapping[str, object], rows: list[str], columns: list[str]) -> dict[str, list[Pair]]:
    """Return the pairs of cells to compare: in `columns` cells of one row, in `rows` cells of one column."""
    check_names(f"{file}: compare", compare, ("columns", "rows"))
    pairs: dict[str, list[Pair]] = {}
    if "columns" in compare:
        pairs["columns"] = []
        for row, (first, second) in product(rows, _named_pairs(file, "columns", compare, columns)):
            pairs["columns"].append(((row, first), (row, second)))
    if "rows" in compare:
        pairs["rows"] = []
        for column, (first, second) in product(columns, _named_pairs(file, "rows", compare, rows)):
            pairs["rows"].append(((first, column), (second, column)))
    return pairs


def _named_pairs(file: Path, axis: str, compare: Mapping[str, object], names: list[str]) -> list[tuple[str, str]]:
    value = compare[axis]
    if value == "neighbours":
        return list(pairwise(names))
    where = f"{file}: compare: {axis}"
    pairs = []
    for pair in value if isinstance(value, list) else [value]:
        if not isinstance(pair, list) or len(pair) != 2:
            raise UserError(f"{where}: '{value}' is neither neighbours nor a list of pairs, [[FIRST, SECOND], ...]")
        first, second = map(str, pair)  # yaml reads the column name 1 as a number
        check_names(where, (first, second), names)
        pairs.append((first, second))
    return pairs


def _plot(file: Path, entries: Mapping[str, object], rows: list[str]) -> Plot:
    plot = read_mapping(file, "picture", entries)
    check_names(f"{file}: picture", plot, ("name", "label", "joined"))
    panels = override_lists(file, "panels", entries) or {"": tuple(rows)}
    check_names(f"{file}: panels", chain.from_iterable(panels.values()), rows)
    name = str(plot.get("name", file.parent.name))
    return Plot(name, str(plot.get("label", "")), bool(plot.get("joined", False)), panels)
