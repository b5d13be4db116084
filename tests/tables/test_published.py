"""Every published number has a source and a grade, and the families of metrics stay apart."""

import csv
from collections import Counter

import pytest

from avseg.config.paths import experiments_folder
from avseg.tables.published import FAMILIES, GRADES, SETTINGS, read_published, select
from avseg.utils.errors import UserError


def test_every_row_has_source_grade_family_and_values_in_range():
    rows = read_published()
    for row in rows:
        assert row.source, row
        assert row.grade in GRADES, row
        assert row.setting in SETTINGS, row
        assert row.family in FAMILIES, row
        assert row.selection in ("val", "test", ""), row
        for value in (row.j, row.f, row.j_and_f):
            assert not value or 0 < float(value) < 100, row
        # a mean over frames or the split is below its F on AVSBench; of LU-AVS F may be lower
        assert not (row.j and row.f) or row.family == "long-video" or float(row.j) < float(row.f), row
        assert not row.code or row.code.count("/") == 1, row
    assert len({row.method for row in rows}) >= 40
    assert len({row.method for row in rows if (row.setting, row.family) == ("ms3", "per-frame")}) >= 30


def test_no_row_is_given_twice():
    keys = Counter(
        (row.method, row.venue, row.backbone, row.input, row.setting, row.family, row.note) for row in read_published()
    )
    assert [key for key, count in keys.items() if count > 1] == []


def test_unverified_rows_are_those_from_memory_and_secondary_notes():
    rows = read_published()
    assert {row.method for row in rows if not row.verified} >= {"LVS", "LGVT", "AVS-Mamba", "DDESeg", "LAVISH"}
    assert all(row.verified for row in rows if row.grade in ("A", "B", "D"))


def test_the_numbers_of_tpavi_are_those_of_its_tables():
    tables = {}
    for name, key in (("table_a1", "1,2,3,4"), ("table_a2", "pretrained")):
        with (experiments_folder() / name / "published.csv").open() as file:
            for cell in csv.DictReader(file):
                if cell["column"].startswith(key):
                    tables[name, cell["row"], cell["column"], cell["metric"]] = cell["value"]
    for setting in ("s4", "ms3"):
        for backbone, name in (("ResNet50", "ResNet50"), ("PVT-v2-b5", "PVT-v2")):
            rows = [row for row in read_published() if (row.method, row.setting) == ("TPAVI", setting)]
            rows = [row for row in rows if row.backbone == backbone]
            full = next(row for row in rows if row.f)
            cell = ("table_a1", f"{setting.upper()} {name}", "1,2,3,4")
            assert (full.j, full.f) == (tables[*cell, "miou"], tables[*cell, "fscore"])
            if setting == "ms3":
                initialised = next(row for row in rows if not row.f)
                assert initialised.j == tables["table_a2", "with TPAVI", f"pretrained {name}", "miou"]


def test_the_same_weights_of_cavp_are_apart():
    rows = read_published()
    assert [row.j for row in select(rows, "ms3", "per-frame") if row.method == "CAVP"] == ["56.42", "55.82"]
    assert [row.j for row in select(rows, "ms3", "whole-set") if row.method == "CAVP"] == ["72.79"]


HEADER = (
    "method,venue,code,backbone,input,setting,family,j,f,j_and_f,videos_per_group,selection,seeds,grade,source,note"
)
LINE = "M,V,,,,s4,per-frame,50.0,60,,,val,,A,README,"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("s4", "s5"), "2: setting is 's5'; allowed: s4, ms3, avss, lu_avs"),
        (("per-frame", "frames"), "family is 'frames'"),
        (("50.0", "101"), "j is '101'; a number in per cent is needed"),
        (("50.0", "x"), "j is 'x'"),
        (("50.0", ""), "j or j_and_f is needed"),
        (("README", ""), "source is empty"),
        ((",A,", ",Z,"), "grade is 'Z'; allowed: A, B, C, D, U"),
        ((",,val", ",two,val"), "videos_per_group is 'two'; a whole number"),
        (("README,", "README"), "16 cells are needed"),
        (("venue,code", "venue,kode"), "the columns must be method,venue,code"),
    ],
)
def test_a_mistake_in_the_file_is_one_line(tmp_path, change, message):
    path = tmp_path / "avs.csv"
    path.write_text(f"{HEADER}\n{LINE}\n")
    assert len(read_published(path)) == 1
    path.write_text(f"{HEADER}\n{LINE}\n".replace(*change))
    with pytest.raises(UserError, match=r"avs\.csv") as error:
        read_published(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
