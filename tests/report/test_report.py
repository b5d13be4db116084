"""`avseg report`: one page of a run, its numbers against those of the files, a line for what a run does not have."""

import csv
import json
import shutil
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from avseg.report.controls import control_section
from avseg.report.page import write_page
from avseg.report.report import make_report
from avseg.report.run_files import read_run
from avseg.report.section import Section
from avseg.tables.text import TextTable
from tests.runs_for_tests import Command, avseg

TITLES = [
    "Scores",
    "Training",
    "J by category",
    "F by threshold",
    "Controls",
    "Worst clips",
    "Configuration and versions",
]


class Page(HTMLParser):
    """Collects the attributes that could load something, and the text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.headings: list[str] = []
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self.tag = ""
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attributes: Sequence[tuple[str, str | None]]) -> None:
        self.tag = tag
        self.tags.add(tag)
        self.sources += [value or "" for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        if self.tag == "h2" and data.strip():
            self.headings.append(data)
        if self.tag == "td" and data.strip():
            self.cells.append(data)


def write_rows(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The files of a complete run of S4 without weights: 12 clips of two categories; the sound matters."""
    folder = tmp_path / "outputs" / "default" / "s4-<b>run</b>" / "seed=1"
    folder.mkdir(parents=True)
    config = {"experiment": "default", "model": {"name": "avs"}, "data": {"name": "toy_s4", "setting": "s4"}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    rng = np.random.default_rng(0)
    rows = []
    for index in range(12):
        own = float(rng.uniform(0.5, 0.9))
        row = {"index": index, "video_id": f"v{index}", "category": "cat" if index % 3 else "dog & owl", "miou": own}
        for sound, lost in (("silence", 0.3), ("noise", 0.2), ("other", 0.25), ("shuffled", 0.0)):
            row[f"{sound}/miou"] = own - lost * float(rng.uniform(0.5, 1.5)) + float(rng.normal(0, 0.01))
        rows.append(row)
    write_rows(folder / "per_clip.csv", rows)
    epochs = [{"epoch": n, "val/miou": 0.1 * n if n < 4 else 0.2, "train/loss": 1 / (n + 1)} for n in range(6)]
    write_rows(folder / "metrics.csv", epochs)
    curve = [{"threshold": t, "own": 0.8 - (t - 0.3) ** 2, "silence": 0.4} for t in np.linspace(0, 1, 255).tolist()]
    write_rows(folder / "f_curve.csv", curve)
    own_scores = {"miou": float(np.mean([row["miou"] for row in rows])), "fscore": 0.8}
    scores = {"own": own_scores, **{sound: {"miou": 0.4} for sound in ("silence", "noise", "other", "shuffled")}}
    result = {"split": "test", "clips": 12, "videos_per_group": 4, "scores": scores}
    (folder / "result.json").write_text(json.dumps(result))
    return folder


def test_a_report_of_a_real_run_is_one_file_with_everything(trained: Command, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in trained.run.rglob("*")}
    done = avseg(["report", str(trained.run), "--out", str(tmp_path / "report"), "--clips", "2"])
    assert done.code == 0, done.err
    assert done.out.splitlines() == [
        "No J by category: the data set names no categories (MS3, your own videos).",
        f"report: {tmp_path / 'report/report.html'}",
    ]
    page = Page(tmp_path / "report/report.html")
    assert page.headings == TITLES
    assert {"script", "link", "iframe"} & page.tags == set()
    assert [source[:22] for source in page.sources if source[0] != "#"] == ["data:image/png;base64,"] * 5
    pictures = sorted((tmp_path / "report").rglob("*.png"))
    assert len(pictures) == 5
    assert all(Image.open(path).width > 500 for path in pictures)
    assert {path: path.stat().st_mtime_ns for path in trained.run.rglob("*")} == before
    # the two clips of the lowest J
    with (trained.run / "per_clip.csv").open() as file:
        worst = sorted(csv.DictReader(file), key=lambda row: float(row["miou"]))[:2]
    assert [path.stem[3:] for path in pictures if path.parent.name == "failures"] == [row["video_id"] for row in worst]
    # an earlier report is replaced, another folder is not
    again = avseg(["report", str(trained.run), "--out", str(tmp_path / "report"), "--clips", "0"])
    assert "No gallery: --clips 0." in again.out
    assert not (tmp_path / "report" / "failures").exists()
    (tmp_path / "report/report.html").unlink()
    assert avseg(["report", str(trained.run), "--out", str(tmp_path / "report")]).code == 2


def test_the_curve_of_a_run_agrees_with_its_scores(trained: Command, tmp_path: Path) -> None:
    with (trained.run / "f_curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["threshold", "own", "silence", "noise", "other", "shuffled"]
    assert len(rows) == 255
    # one group of all videos: the maximum of the same curve
    out = tmp_path / "whole"
    done = avseg(["evaluate", f"checkpoint={trained.run}", "videos_per_group=0", f"out={out}"])
    assert done.code == 0, done.err
    scores = json.loads((out / "result.json").read_text())["scores"]
    for sound in rows[0].keys() - {"threshold"}:
        assert max(float(row[sound]) for row in rows) == pytest.approx(scores[sound]["fscore"], abs=1e-6)


def test_numbers_are_those_of_the_files(run: Path, tmp_path: Path) -> None:
    report = make_report(run, tmp_path / "report", clips=0)
    texts = {section.title: section.text for section in report.sections}
    assert "Best J (mIoU) on validation: 30.00 in epoch 3" in texts["Training"]
    assert "2 categories, 12 clips" in texts["J by category"]
    assert "best 80.00 at threshold 0.30, 76.00 at 0.5" in texts["F by threshold"]
    page = Page(report.page)
    assert f"{100 * json.loads((run / 'result.json').read_text())['scores']['own']['miou']:.2f}" in page.cells
    assert "b" not in page.tags  # names are text


def test_controls_say_what_the_clips_show(run: Path, tmp_path: Path) -> None:
    files = read_run(run)
    section = control_section(files, tmp_path)
    heard, unheard = section.text.split("Not shown")
    for words in ("hears whether there is sound", "tells sound from noise", "uses what it hears to choose the object"):
        assert words in heard
    assert "resolves when" in unheard
    rows = {row[0]: row for row in section.tables[1].rows}
    with (run / "per_clip.csv").open() as file:
        clips = list(csv.DictReader(file))
    lost = [float(clip["miou"]) - float(clip["silence/miou"]) for clip in clips]
    assert rows["silence"][1] == f"{100 * np.mean(lost):+.2f}"
    assert rows["silence"][3] == "100 %"
    # a permutation test of 12 clips that all lose: 2 / 2^12, times 4 controls
    assert rows["silence"][4] == "0.002"


def test_what_a_run_does_not_have_is_one_line(run: Path, tmp_path: Path) -> None:
    for name in ("result.json", "per_clip.csv", "metrics.csv", "f_curve.csv"):
        (run / name).unlink()
    done = avseg(["report", str(run), "--out", str(tmp_path / "report")])
    assert done.code == 0, done.err
    assert [line.partition(":")[0] for line in done.out.splitlines()[:-1]] == [
        "No scores",
        "No training curves",
        "No J by category",
        "No curve of F",
        "No controls",
        "No gallery",
        "No manifest.json",
    ]
    assert Page(tmp_path / "report/report.html").headings == TITLES
    assert "NOT COMPLETE" in (tmp_path / "report/report.html").read_text()


def test_long_videos_and_classes_have_reports(run: Path, tmp_path: Path) -> None:
    # AVSS: no J per clip
    (run / "f_curve.csv").unlink()
    write_rows(run / "per_clip.csv", [{"index": 0, "video_id": "a", "category": "dog", "marked": 0.5}])
    done = avseg(["report", str(run), "--clips", "0", "--out", str(tmp_path / "classes")])
    assert done.code == 0, done.err
    assert "No J by category: masks of several classes have no J per clip." in done.out
    assert "No paired differences" in done.out
    # LU-AVS
    (run / "per_clip.csv").unlink()
    write_rows(run / "per_video.csv", [{"video_id": "a", "m_vIoU": 0.5, "m_vF": ""}])
    result = {"split": "test", "videos": 1, "region": "mask", "scores": {"own": {"m_vIoU": 0.5, "m_vF": None}}}
    (run / "result.json").write_text(json.dumps(result))
    done = avseg(["report", str(run), "--out", str(tmp_path / "long")])
    assert done.code == 0, done.err
    assert "No gallery: long videos" in done.out
    assert {"50.00", "-"} <= set(Page(tmp_path / "long/report.html").cells)


def test_missing_data_leave_the_rest(trained: Command, tmp_path: Path) -> None:
    copy = tmp_path / "run" / "seed=123"
    shutil.copytree(trained.run, copy)
    config = (copy / "config.yaml").read_text()
    (copy / "checkpoints" / "best.ckpt").write_bytes(b"damaged")
    done = avseg(["report", str(copy)])
    assert done.code == 0, done.err
    assert "No gallery: checkpoint" in done.out
    assert (copy / "report" / "report.html").is_file()
    assert (copy / "config.yaml").read_text() == config


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{folder}/none"], "none does not exist; name a run directory"),
        (["{folder}"], "holds no run; a report needs a run directory"),
        (["{folder}", "--clips", "-1"], "--clips is -1; give 0 or more"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, words: list[str], message: str) -> None:
    done = avseg(["report", *(word.format(folder=tmp_path) for word in words)])
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1


def test_texts_cannot_end_an_element_or_name_a_mark(tmp_path: Path) -> None:
    text = "</p><script>1</script> /*NAV*/ & \"'"
    table = TextTable(text, ["", text], [[text, text]], [text])
    write_page(tmp_path / "page.html", text, text, [Section(text, text, tables=[table], details=[(text, text)])])
    page = Page(tmp_path / "page.html")
    assert "script" not in page.tags
    assert page.headings == [text]
    assert page.cells == [text, text]
