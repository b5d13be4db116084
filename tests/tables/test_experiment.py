"""sweep.yaml and published.csv: what they mean, and that every mistake in them is one line that names the nearest."""

from dataclasses import replace
from pathlib import Path

import pytest

from avseg.tables.experiment import Cell, read_experiment
from avseg.tables.published_cells import Source
from avseg.utils.errors import UserError

SWEEP = """
title: Two by two
common: [data=toy_ms3]
rows:
  audio-blind: [fusion=none]
  TPAVI: [fusion=stage_4]
columns:
  "1": [backbone=tiny]
  "3,4": [backbone=tiny_convnext]
"""
PUBLISHED = 'row,column,metric,value\naudio-blind,1,miou,41.62\nTPAVI,"3,4",miou,44.84\nTPAVI,"3,4",fscore,57.8\n'
SOURCED = """row,column,metric,value,family,grade,source,note
audio-blind,1,miou,41.62,per-frame,B,another's README,
TPAVI,1,miou,43.00,per-frame,A,the README,at 512 pixels
"""


def write(folder: Path, sweep: str = SWEEP, published: str | None = PUBLISHED) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "sweep.yaml").write_text(sweep)
    if published is not None:
        (folder / "published.csv").write_text(published)
    return str(folder)


def test_rows_times_columns(tmp_path):
    experiment = read_experiment(write(tmp_path / "mine"))
    assert (experiment.name, experiment.sweep.title, experiment.sweep.metric) == ("mine", "Two by two", "miou")
    assert experiment.sweep.seeds == (123,)
    assert [cell.key for cell in experiment.cells()] == [
        ("audio-blind", "1"),
        ("audio-blind", "3,4"),
        ("TPAVI", "1"),
        ("TPAVI", "3,4"),
    ]
    last = experiment.cells()[-1]
    overrides = ("data=toy_ms3", "fusion=stage_4", "backbone=tiny_convnext")
    assert last == Cell("TPAVI", "3,4", overrides, {"miou": 44.84, "fscore": 57.8})
    assert experiment.overrides(last, 7) == ["experiment=mine", *overrides, "seed=7"]
    assert experiment.metrics_at(last.key) == ["miou", "fscore"]
    assert experiment.cells()[1].published == {}
    assert replace(experiment, name="other").overrides(last, 7)[0] == "experiment=other"
    assert experiment.sweep.pairs == {}


def test_published_numbers_may_name_their_sources(tmp_path):
    experiment = read_experiment(write(tmp_path / "mine", published=SOURCED))
    assert experiment.numbers["TPAVI", "1", "miou"] == 43.0
    assert experiment.sources == {
        ("audio-blind", "1", "miou"): Source("per-frame", "B", "another's README", ""),
        ("TPAVI", "1", "miou"): Source("per-frame", "A", "the README", "at 512 pixels"),
    }
    assert read_experiment(write(tmp_path / "plain")).sources == {}


def test_pairs(tmp_path):
    text = "seeds: [1, 2]\ncompare:\n  columns: neighbours\n  rows: [[TPAVI, audio-blind]]\n"
    experiment = read_experiment(write(tmp_path / "mine", SWEEP + text))
    assert experiment.sweep.seeds == (1, 2)
    assert experiment.sweep.pairs == {
        "columns": [(("audio-blind", "1"), ("audio-blind", "3,4")), (("TPAVI", "1"), ("TPAVI", "3,4"))],
        "rows": [(("TPAVI", "1"), ("audio-blind", "1")), (("TPAVI", "3,4"), ("audio-blind", "3,4"))],
    }


def test_one_that_extends_states_only_what_differs(tmp_path):
    text = "extends: table_a2\ncommon: [seed=1]\nreplace:\n  backbone=resnet50: [backbone=tiny, model.channels=8]\n"
    experiment, base = read_experiment(write(tmp_path / "twin", text, None)), read_experiment("table_a2")
    assert experiment.numbers == base.numbers
    assert experiment.sweep.pairs == base.sweep.pairs
    cell = experiment.cell("with TPAVI", "pretrained ResNet50")
    assert cell.overrides == (
        "data=avsbench_ms3",
        "seed=1",
        "fusion=stages_1234",
        "init=single_source",
        "backbone=tiny",
        "model.channels=8",
    )
    assert experiment.cell("with TPAVI", "pretrained PVT-v2").overrides[-1] == "backbone=pvt_v2_b5"


@pytest.mark.parametrize(
    ("sweep", "says"),
    [
        ("titel: x\n", "key 'titel' is unknown; allowed: extends, title"),
        ("title: x\n", "rows is missing"),
        ("rows: [a]\n", "rows: '['a']' is not a mapping"),
        (SWEEP + "compare: neighbours\n", "compare: 'neighbours' is not a mapping"),
        ("rows: {a: fusion=none}\ncolumns: {b: []}\n", "rows: a: 'fusion=none' is not a list"),
        ("rows: {a: []}\nrows: {b: []}\n", "duplicate key"),
        ("- a\n", "holds no entries"),
        ("a: [\n", "sweep.yaml: while parsing"),
        ("extends: tabel_a1\n", "did you mean 'table_a1'"),
        ("extends: table_a1\nreplace: {backbone=resnet5: [backbone=tiny]}\n", "did you mean 'backbone=resnet50'"),
        (SWEEP + "seeds: 3\n", "seeds: '3' is not a list of whole numbers"),
        (SWEEP + "seeds: [-1]\n", "not a list of whole numbers"),
        (
            SWEEP + "compare: {column: neighbours}\n",
            "name 'column' is unknown; allowed: columns, rows; did you mean 'columns'",
        ),
        (SWEEP + "compare: {columns: near}\n", "'near' is neither neighbours nor a list of pairs"),
        (
            SWEEP + "compare: {rows: [[audio-blind, TAPVI]]}\n",
            "name 'TAPVI' is unknown; allowed: audio-blind, TPAVI; did you mean 'TPAVI'",
        ),
        (SWEEP + "panels: {a: [audio-blid]}\n", "name 'audio-blid' is unknown"),
        (
            SWEEP + "picture: {labels: x}\n",
            "name 'labels' is unknown; allowed: name, label, joined; did you mean 'label'",
        ),
        (SWEEP + "prepare: {toy: toy}\n", "prepare: toy: 'toy' is not a list"),
    ],
)
def test_mistakes_in_a_sweep(sweep, says, tmp_path):
    with pytest.raises(UserError) as caught:
        read_experiment(write(tmp_path / "mine", sweep))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("published", "says"),
    [
        (None, "published.csv does not exist"),
        ("row,column,value\n", "the columns must be row,column,metric,value"),
        (PUBLISHED + "audio-blnd,1,miou,4\n", "row 'audio-blnd' is unknown"),
        (PUBLISHED + "audio-blind,3;4,miou,4\n", "column '3;4' is unknown"),
        (PUBLISHED + "audio-blind,1,miou,\n", "'' is not a number"),
        (SOURCED.replace("per-frame", "frame"), "family 'frame' is unknown; allowed: per-frame"),
        (SOURCED.replace(",B,", ",E,"), "grade 'E' is unknown; allowed: A, B"),
    ],
)
def test_mistakes_in_the_published_numbers(published, says, tmp_path):
    with pytest.raises(UserError, match=says):
        read_experiment(write(tmp_path / "mine", published=published))


def test_unknown_names(tmp_path):
    with pytest.raises(UserError, match=r"'tabel_a2' is unknown; .* did you mean 'table_a2'"):
        read_experiment("tabel_a2")
    with pytest.raises(UserError, match=r"holds no sweep\.yaml"):
        read_experiment(f"{tmp_path}/nothing")
    with pytest.raises(UserError, match="row 'TPAV' is unknown; allowed: audio-blind, TPAVI; did you mean 'TPAVI'"):
        read_experiment(write(tmp_path / "mine")).cell("TPAV", "1")
