"""`avseg leaderboard`: published numbers by setting and family, own runs among them."""

import csv
import io
import json
from pathlib import Path

import pytest
import yaml

from avseg.tables.leaderboard import TEXT_COLUMNS, leaderboard
from avseg.tables.own_runs import read_own_runs
from avseg.tables.text import markdown
from tests.runs_for_tests import avseg

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "leaderboard.md"


def write_run(outputs, name, seed, miou, data="avsbench_ms3", setting="ms3", clips=64, **scores):
    folder = outputs / "mine" / name / f"seed={seed}"
    folder.mkdir(parents=True)
    config = {"data": {"name": data, "setting": setting, "image_size": 224}, "backbone": {"name": "resnet50"}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    scores = {"own": {"miou": miou, "fscore": 0.7, "dataset_iou": 0.8, "dataset_fscore": 0.9, **scores}}
    result = {"split": "test", "clips": clips, "videos_per_group": 4, "scores": scores}
    (folder / "result.json").write_text(json.dumps(result))


@pytest.fixture
def outputs(tmp_path):
    write_run(tmp_path, "good", 1, 0.68)
    write_run(tmp_path, "good", 2, 0.70)
    write_run(tmp_path, "toy", 1, 0.99, data="toy_ms3", clips=40)
    write_run(tmp_path, "part", 1, 0.98, clips=63)
    return tmp_path


def test_own_runs_are_ranked_among_the_published_ones(outputs):
    runs = read_own_runs(outputs)
    (table,) = leaderboard(["ms3"], ["per-frame"], runs=runs)
    names = [row[0] for row in table.rows]
    values = dict(zip(names, (row[table.header.index("J")] for row in table.rows), strict=True))
    assert values["mine/good"] == "69.00 ± 1.41"
    assert table.rows[names.index("mine/good")][table.header.index("seeds")] == "2"
    # between 70.28 and 68.6
    assert names.index("SAVE (arXiv 2024)") < names.index("mine/good") < names.index("AVS-Mamba (TMM 2025) †")
    # the best numbers are on other data: behind all others, and marked
    assert names[-2:] == ["mine/toy ≠", "mine/part ≠"]
    notes = [row[-1] for row in table.rows[-2:]]
    assert notes == [
        "not comparable: data is toy_ms3, not avsbench_ms3",
        "not comparable: 63 test clips of 64",
    ]
    assert not leaderboard(["s4"], ["unclear"], grades=["A"], runs=runs)


def test_families_are_never_in_one_table(outputs):
    done = avseg(["leaderboard", "--setting", "ms3", "--runs", str(outputs), "--format", "md"])
    frames, whole, unclear = done.out.split("\n## ")
    assert "72.79" not in frames  # CAVP's number of the whole split
    assert "72.79" in whole
    assert "55.82" not in whole
    assert "| mine/good |" in frames
    assert "69.00 ± 1.41" not in whole
    assert "80.00 ± 0.00" in whole
    assert "mine/good" not in unclear  # nobody knows what these numbers are


def test_csv_names_the_family_in_each_row(outputs):
    done = avseg(["leaderboard", "--format", "csv", "--runs", str(outputs), "--grade", "A"])
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert {row["grade"] for row in rows} == {"A", "own"}
    own = [row for row in rows if row["method"] == "mine/good"]
    assert [(row["family"], row["j"], row["seeds"]) for row in own] == [
        ("per-frame", "69.0000", "2"),
        ("whole-set", "80.0000", "2"),
    ]


def test_a_file_has_the_format_of_its_ending(tmp_path):
    done = avseg(["leaderboard", "--runs", str(tmp_path), "--out", str(tmp_path / "all.md")])
    assert done.out == f"written to {tmp_path / 'all.md'}\n"
    assert (tmp_path / "all.md").read_text().startswith("## S4 (single source)")


def test_the_printed_table_marks_what_is_not_verified(tmp_path):
    done = avseg(["leaderboard", "--setting", "s4", "--family", "per-frame", "--runs", str(tmp_path)])
    assert done.code == 0
    assert "LVS (CVPR 2021) †" in done.out
    assert "VCT (CVPR 2025) │" in " ".join(done.out.split())
    assert "† not verified" in done.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--setting", "ms4"], "ms4"),
        (["--runs", "/no/such/folder"], "--runs /no/such/folder: no such folder"),
        (["--out", "numbers.txt"], "--out numbers.txt: name a file that ends in .md or .csv"),
        (["--out", "numbers.md", "--format", "csv"], "its ending is the format"),
        (["--setting", "s4", "--family", "long-video"], "no numbers of setting s4, family long-video"),
    ],
)
def test_mistakes_are_one_line(words, message):
    done = avseg(["leaderboard", *words])
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1


def test_the_page_holds_the_numbers_of_the_file():
    tables = markdown(leaderboard(links=True), left=TEXT_COLUMNS.__contains__)
    assert tables in PAGE.read_text(), "write it again: the last line of the page's introduction says how"


def test_a_folder_without_runs_is_told(tmp_path, caplog):
    done = avseg(["leaderboard", "--setting", "s4", "--runs", str(tmp_path)])
    assert done.code == 0
    assert f"--runs {tmp_path}: no complete run in it" in caplog.text
