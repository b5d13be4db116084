"""A table of 2 x 2 cells whose every number is worked out by hand, and what is written of it."""

import csv
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from PIL import Image
from scipy import stats

from avseg.tables.files import COMPARISONS, RESULTS, write_table
from avseg.tables.latex import escape, latex
from avseg.tables.markdown import markdown
from avseg.tables.plot import save_plot
from avseg.tables.published_cells import Source
from avseg.tables.scores import Scores
from avseg.tables.statistics import SIGNIFICANT
from avseg.tables.sweep_file import Plot, SweepFile
from avseg.tables.table import Result, Table, compare

ROWS, COLUMNS = ["without TPAVI", "with_TPAVI & more"], ["scratch", "50 % data"]
CLIPS = [f"clip{number}" for number in range(12)]
BASE = np.array([20.0, 30, 40, 50, 60, 70, 25, 35, 45, 55, 65, 75])  # mean 47.5
GAIN = np.array([5.0, 9, 7, 6, 8, 7, 5, 9, 7, 6, 8, 7])  # mean 7, every clip gains
PAIRS = {
    "columns": [((row, COLUMNS[0]), (row, COLUMNS[1])) for row in ROWS],
    "rows": [((ROWS[0], column), (ROWS[1], column)) for column in COLUMNS],
}
SWEEP = SweepFile(
    title="A table",
    note="Only a test.",
    metric="miou",
    metrics={},
    seeds=(1,),
    common=(),
    rows=dict.fromkeys(ROWS, ()),
    columns=dict.fromkeys(COLUMNS, ()),
    pairs=PAIRS,
    plot=Plot("p", "columns", True, {"": tuple(ROWS)}),
    prepare={},
)


def scores(clips: np.ndarray, *seeds: float) -> Scores:
    values = dict(enumerate(seeds, 1))
    return Scores(values, {number: f"run-s{number}" for number in values}, dict(zip(CLIPS, clips, strict=True)))


CELLS = {
    (ROWS[0], COLUMNS[0]): scores(BASE, 47.0, 48.0),
    (ROWS[0], COLUMNS[1]): None,
    (ROWS[1], COLUMNS[0]): scores(BASE + GAIN, 54.0, 55.0),
    (ROWS[1], COLUMNS[1]): scores(BASE + GAIN + [1, -1] * 6, 54.5),
}
PUBLISHED = {(ROWS[0], COLUMNS[0]): 50.0, (ROWS[1], COLUMNS[1]): 54.0}


@pytest.fixture(scope="module")
def table() -> Table:
    results = [Result.of(key, "miou", PUBLISHED.get(key, math.nan), found) for key, found in CELLS.items()]
    full = Result.of((ROWS[1], COLUMNS[0]), "fscore", 64.5, Scores({1: 60.0}, {1: "run-s1"}, {}))
    return Table(SWEEP, [*results, full], compare(PAIRS, CELLS))


def test_cells_by_hand(table):
    cell = table.result(ROWS[0], COLUMNS[0])
    assert (cell.mean, cell.difference) == (47.5, -2.5)
    assert cell.sd == pytest.approx(math.sqrt(0.5))  # 47 and 48
    generator = np.random.default_rng(0)
    drawn = stats.bootstrap((BASE,), np.mean, method="BCa", batch=1000, random_state=generator)
    interval = drawn.confidence_interval
    assert (cell.low, cell.high) == pytest.approx((interval.low, interval.high))
    one = table.result(ROWS[1], COLUMNS[1])
    assert (one.mean, one.difference) == (54.5, 0.5)
    assert math.isnan(one.sd)
    assert math.isnan(table.result(ROWS[1], COLUMNS[0]).difference)
    assert [cell.key for cell in table.cells if cell.scores is None] == [(ROWS[0], COLUMNS[1])]


def test_comparisons_by_hand(table):
    columns, rows = table.comparisons  # the other two lack a cell
    assert (columns.first, columns.second) == ((ROWS[1], COLUMNS[0]), (ROWS[1], COLUMNS[1]))
    assert (rows.first, rows.second) == ((ROWS[0], COLUMNS[0]), (ROWS[1], COLUMNS[0]))
    assert columns.difference == pytest.approx(0.0)
    assert columns.p == pytest.approx(1.0)
    assert rows.difference == pytest.approx(7.0)
    # 2 of 4096 flips keep a mean of 7; two comparisons, so Holm doubles the smaller p
    assert rows.p == pytest.approx(2 / 4096)
    assert rows.corrected == pytest.approx(4 / 4096)
    assert [rows.corrected < SIGNIFICANT, columns.corrected < SIGNIFICANT] == [True, False]
    assert table.significant_axes(rows.second) == ["rows"]
    assert table.significant_axes(rows.first) == table.significant_axes(columns.second) == []


def test_cells_on_different_clips_are_not_compared():
    other = Scores({1: 50.0}, {1: "run"}, {f"other{number}": 50.0 for number in range(12)})
    assert compare(PAIRS, CELLS | {(ROWS[1], COLUMNS[0]): other}) == []


def test_pairs_are_by_name_not_by_position():
    names = list(reversed(CLIPS))
    shuffled = Scores({1: 54.5}, {1: "run"}, dict(zip(names, reversed(BASE + GAIN), strict=True)))
    (rows,) = compare({"rows": PAIRS["rows"][:1]}, CELLS | {(ROWS[1], COLUMNS[0]): shuffled})
    assert rows.p == pytest.approx(2 / 4096)


def test_markdown(table):
    text = markdown(table)
    lines = text.splitlines()
    assert lines[0] == "# A table"
    assert "| **without TPAVI** | ours | 47.50 ± 0.71 | - |" in lines
    assert "|  | paper | 50.00 | - |" in lines
    assert "|  | difference | -2.50 | - |" in lines
    assert "| **with_TPAVI & more** | ours | 54.50 ± 0.71 † | 54.50 |" in lines
    assert "| F-score | with_TPAVI & more | scratch | 60.00 | 64.50 | -4.50 |" in lines
    assert "- 1 of 4 cells have no complete run yet (-)" in lines
    assert "| without TPAVI → with_TPAVI & more | scratch | +7.00 | &lt; 0.001 | &lt; 0.001 |" in lines
    assert "- ours: 1 to 2 seeds per cell: mean ± standard deviation" in lines
    assert "12 test clips, seeds averaged first" in text
    assert "Only a test" in text
    # every line of a grid has as many cells as its head
    for grid in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        assert len({line.count(" | ") for line in grid.splitlines()}) == 1


def test_markdown_lists_the_sources_of_published_numbers(table):
    source = Source("per-frame", "B", "another's README", "at 224 | 512 pixels")
    sources = {(ROWS[0], COLUMNS[0], "miou"): source, (ROWS[0], COLUMNS[1], "fscore"): source}
    text = markdown(replace(table, sources=sources))
    scores = "scratch: J (mIoU), 50 % data: F-score"
    line = f"| without TPAVI | {scores} | per-frame | B | another's README | at 224 \\| 512 pixels |"
    assert line in text.splitlines()
    assert "- grade B: another author's table" in text
    assert "Sources" not in markdown(table)


def test_latex_can_be_set(table):
    text = latex(table)
    assert re.sub(r"\\[{}]", "", text).count("{") == re.sub(r"\\[{}]", "", text).count("}")
    assert re.findall(r"\\begin\{(\w+)\}", text) == list(reversed(re.findall(r"\\end\{(\w+)\}", text)))
    body = text[text.index("\\toprule") : text.index("\\bottomrule")]
    lines = [line for line in body.splitlines() if line.endswith(r"\\")]
    assert len(lines) == 1 + 4 * len(ROWS)
    assert {len(re.findall(r"(?<!\\)&", line)) for line in lines} == {3}
    assert r"\begin{tabular}{llrr}" in text
    assert r"with\_TPAVI \& more & ours" in text
    assert r"50 \% data" in text
    assert r"54.50 {\scriptsize $\pm$0.71}$^{\dagger}$" in text
    assert "$-2.50$" in text
    # everything that LaTeX reads as a command or a comment is escaped
    assert not re.search(r"(?<!\\)[%#]", text.split("\n", 1)[1])
    assert text.count("$") % 2 == 0
    assert text.isascii()


def test_escapes():
    assert escape(r"a_b {c} \d ~ ^ # $ < →") == (
        r"a\_b \{c\} \textbackslash{}d \textasciitilde{} \textasciicircum{} \# \$ $<$ $\rightarrow$"
    )


def test_csv_files_hold_every_number(table, tmp_path):
    write_table(tmp_path, table)
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == RESULTS
    assert len(rows) == 5
    first, missing = rows[0], rows[1]
    assert (first["row"], first["column"], first["metric"]) == (ROWS[0], COLUMNS[0], "miou")
    assert (first["seeds"], first["runs"], first["clips"]) == ("1 2", "run-s1 run-s2", "12")
    assert [float(first[key]) for key in ("mean", "published", "difference")] == [47.5, 50.0, -2.5]
    assert [missing[key] for key in ("seeds", "mean", "low", "difference", "clips", "runs")] == [""] * 6
    with (tmp_path / "comparisons.csv").open(newline="") as file:
        compared = list(csv.DictReader(file))
    assert list(compared[0]) == COMPARISONS
    assert float(compared[1]["p_holm"]) == pytest.approx(4 / 4096, rel=1e-4)
    assert (tmp_path / "table.md").read_text() == markdown(table)
    assert (tmp_path / "table.tex").read_text() == latex(table)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "comparisons.csv",
        "results.csv",
        "table.md",
        "table.tex",
    ]


@pytest.mark.parametrize("joined", [True, False])
def test_the_plot_shows_both_rows(joined, table, tmp_path):
    plot = Plot("p", "columns", joined, {"one": (ROWS[0],), "two": (ROWS[1],)} if joined else {"": tuple(ROWS)})
    save_plot(tmp_path / "p.png", table, plot)
    with Image.open(tmp_path / "p.png") as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
        assert min(image.size) > 400
    found = {tuple(map(int, pixel)) for pixel in pixels}
    assert (0, 114, 178) in found  # Okabe and Ito's blue; the second row is vermilion, unless it has a panel of its own
    assert ((213, 94, 0) in found) is not joined


def test_the_legend_of_the_plot_has_no_entry_for_rows_without_published_numbers(table, tmp_path, monkeypatch):
    legends = []
    monkeypatch.setattr(Axes, "legend", lambda axis, handles, labels, **options: legends.append(labels))
    results = [replace(result, published=math.nan) if result.key[0] == ROWS[0] else result for result in table.results]
    save_plot(tmp_path / "p.png", replace(table, results=results), SWEEP.plot)
    assert legends == [[f"{ROWS[0]}, ours", f"{ROWS[1]}, ours", f"{ROWS[1]}, paper"]]


def test_a_panel_leaves_out_columns_without_numbers_and_bars_without_an_interval(table, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(Axes, "errorbar", lambda axis, x, mean, bars, **options: drawn.append((len(x), bars)))
    panels = {"one": (ROWS[0],), "both": tuple(ROWS)}
    monkeypatch.setattr(Axes, "legend", lambda *arguments, **options: None)
    results = [replace(result, low=math.nan, high=math.nan) for result in table.results]
    save_plot(tmp_path / "p.png", replace(table, results=results), Plot("p", "columns", False, panels))
    assert [columns for columns, _ in drawn] == [1, 2, 2]  # the first row has no number in the second column
    assert all(np.isnan(bars).all() for _, bars in drawn)


def test_a_table_without_any_run_can_be_written(tmp_path):
    results = [Result.of(key, "miou", 50.0, None) for key in CELLS]
    empty = Table(SWEEP, results, compare(PAIRS, dict.fromkeys(CELLS)))
    write_table(tmp_path, empty)
    save_plot(tmp_path / "p.png", empty, SWEEP.plot)
    assert "4 of 4 cells have no complete run yet" in (tmp_path / "table.md").read_text()
    assert (tmp_path / "comparisons.csv").read_text().count("\n") == 1
