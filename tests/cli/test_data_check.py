"""`avseg data check`, `stats` and `help` as a user runs them."""

import json
from pathlib import Path

import pytest
from PIL import Image

from avseg.data.check.findings import ISSUES
from avseg.data.check.sources import read_sources
from tests.data.check.tree import SMALL, make_tree, replace_file
from tests.media.make_video import make_video
from tests.runs_for_tests import Command, avseg


def command(*words: object) -> Command:
    return avseg(["data", *map(str, words)])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small MS3 tree that knows its own numbers."""
    layout = make_tree(tmp_path / "set", "ms3", SMALL["ms3"], log_mel=True)
    (layout.root / "generator.json").write_text(json.dumps(SMALL["ms3"]))
    return layout.root


@pytest.mark.parametrize("setting", ["s4", "ms3", "avss", "lu_avs"])
def test_a_toy_set_of_every_setting_is_valid(tmp_path: Path, setting: str) -> None:
    counts = ["--train", 3, "--val", 1, "--test", 2, "--size", 32, "--seconds", 3, 4]
    assert command("toy", "--out", tmp_path / "toy", "--setting", setting, *counts).code == 0
    done = command("check", tmp_path / "toy")
    assert (done.code, done.err) == (0, "")
    assert f"{setting}: complete and valid" in done.out
    assert "its own generator.json" in done.out


@pytest.mark.slow
def test_a_prepared_set_is_valid_without_masks(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    for name, frames in (("long", 120), ("short", 30)):
        make_video(tmp_path / "raw" / f"{name}.mp4", frames=frames, rate=10, size=(32, 48))
    out = tmp_path / "prepared"
    prepared = command("prepare", tmp_path / "raw", "--out", out, "--size", 32, "--clip-seconds", 6, "--jobs", 1)
    assert prepared.code == 0, prepared.err
    done = command("check", out)
    assert (done.code, done.err) == (0, "")
    assert "it has no masks" in done.out
    assert "sounds that are shorter than their clips: 1" in done.out
    assert command("stats", out, "--figure", "examples", "--out", tmp_path / "figures").code == 0
    next((out / "ms3_data/visual_frames").rglob("*_2.png")).unlink()
    assert command("check", out).code == 1


def test_findings_are_printed_shortened_and_written(tmp_path: Path, root: Path) -> None:
    folder = root / "ms3_data/audio_wav/train"
    files = sorted(folder.iterdir())
    for path in files[:5]:
        path.unlink()
    replace_file(files[6], b"")
    done = command("check", root, "--json", tmp_path / "found.json", "--show", 2)
    assert (done.code, done.err) == (1, "")
    assert "missing (5): files that do not exist" in done.out
    assert f"ms3_data/audio_wav/train/{files[1].name}: the clip's sound does not exist" in done.out
    assert files[2].name not in done.out
    assert "... and 3 more" in done.out
    assert "unreadable (1)" in done.out
    assert "ms3: not complete; 6 findings" in done.out
    (found,) = json.loads((tmp_path / "found.json").read_text())["sets"]
    assert (found["complete"], found["sound"], found["counts"]) == (False, False, SMALL["ms3"])
    assert [finding["kind"] for finding in found["findings"]] == ["missing"] * 5 + ["unreadable"]
    assert set(found["findings"][0]) == {"kind", "file", "what", "mend"}
    assert len(done.out.splitlines()) < 40  # one screen


def test_a_thousand_findings_still_fit_one_screen(root: Path) -> None:
    for path in (root / "ms3_data").rglob("*.*"):
        if path.is_file():
            replace_file(path, b"x")
    done = command("check", root)
    assert done.code == 1
    assert len(done.out.splitlines()) < 40


def test_fix_reports_what_it_fixed(root: Path) -> None:
    next((root / "ms3_data/audio_log_mel/val").iterdir()).unlink()
    assert command("check", root).code == 1
    done = command("check", root, "--fix")
    assert done.code == 0
    assert "fixed ms3_data/audio_log_mel/val/" in done.out
    assert "recomputed from" in done.out
    assert command("check", root).code == 0


def test_kinds_may_be_ignored(root: Path) -> None:
    (root / "ms3_data/visual_frames/extra.txt").write_text("mine")
    assert command("check", root).code == 1
    done = command("check", root, "--ignore", "unknown")
    assert done.code == 0
    assert "ignored as requested: unknown (1)" in done.out


def test_own_sets_are_not_compared_with_published_numbers(root: Path) -> None:
    (root / "generator.json").unlink()
    assert command("check", root).code == 1
    assert command("check", root, "--own").code == 0


def test_several_sets_below_one_folder(tmp_path: Path) -> None:
    make_tree(tmp_path / "all/Single-source", "s4", SMALL["s4"])
    make_tree(tmp_path / "all/Multi-sources", "ms3", SMALL["ms3"])
    done = command("check", tmp_path / "all", "--json", tmp_path / "found.json")
    assert done.code == 1
    assert "s4: not complete" in done.out
    assert "ms3: not complete" in done.out
    assert [one["setting"] for one in json.loads((tmp_path / "found.json").read_text())["sets"]] == ["s4", "ms3"]
    done = command("stats", tmp_path / "all", "--picture", tmp_path / "x.png")
    assert done.code == 2
    assert "holds s4, ms3; add --setting" in done.err


def test_stats_are_a_table_a_picture_and_json(tmp_path: Path, root: Path) -> None:
    words = ["--picture", tmp_path / "ms3.png", "--json", tmp_path / "ms3.json"]
    done = command("stats", root, *words)
    assert (done.code, done.err) == (0, "")
    for word in ("train", "val", "test", "100.0 %", "25.0"):
        assert word in done.out
    assert Image.open(tmp_path / "ms3.png").width > 500
    (found,) = json.loads((tmp_path / "ms3.json").read_text())["sets"]
    assert found["splits"]["train"]["mask_size"]["median"] == 0.25
    assert {name: split["clips"] for name, split in found["splits"].items()} == SMALL["ms3"]


def test_stats_write_the_figures_of_the_paper(tmp_path: Path, root: Path) -> None:
    out = tmp_path / "figures"
    done = command("stats", root, "--figure", "categories", "examples", "--clips", 1, "--out", out)
    assert (done.code, done.err) == (0, "")
    assert f"no figure of categories: ms3 at {root} names none" in done.out
    assert f"figure: {out}/examples_ms3.png and .pdf" in done.out
    assert sorted(path.name for path in out.iterdir()) == ["examples_ms3.pdf", "examples_ms3.png"]
    assert (out / "examples_ms3.pdf").read_bytes()[:5] == b"%PDF-"


@pytest.mark.parametrize("name", read_sources())
def test_help_of_a_data_set(name: str) -> None:
    done = command("help", name)
    assert (done.code, done.err) == (0, "")
    for word in ("holds", "obtain", "licence", "put it at", "check it", "avseg data check data/", "avseg train data="):
        assert word in done.out
    assert read_sources()[name].title in done.out


def test_the_commands_in_the_help_can_be_parsed() -> None:
    from avseg.cli.main import build_parser

    parser = build_parser()
    for source in read_sources().values():
        for text in (source.check, *source.obtain):
            if text.startswith("avseg "):
                parser.parse_args(text.partition(" (")[0].split()[1:])


def test_help_lists_all_and_knows_other_spellings() -> None:
    done = command("help")
    assert all(name in done.out for name in read_sources())
    assert command("help", "LU-AVS").out == command("help", "lu_avs").out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["help", "avs"], "data set 'avs' is unknown; allowed: s4, ms3, avss, lu_avs, unav100, toy, cutouts"),
        (["check", "{root}/nowhere"], "nowhere is not a folder"),
        (["check", "{root}", "--setting", "avss"], "holds no index of a data set (metadata.csv)"),
        (["check", "{root}", "--ignore", "unknwon"], "did you mean 'unknown'?"),
        (["check", "{root}", "--show", "-1"], "--show is -1; give 0 or more"),
        (["check", "{root}", "--jobs", "0"], "--jobs is 0; give 1 or more"),
        (["check", "{root}", "--setting", "s4"], "(s4_meta_data.csv); it holds ms3"),
        (["stats", "{root}/ms3_data"], "metadata.csv, seg_train.json); did you mean {root}?"),
        (["stats", "{root}/.."], "did you mean {root}?"),
        (["stats", "{root}", "--clips", "0"], "--clips is 0; give 1 or more"),
        (["check", "{root}", "--json", "{root}/ms3_data"], "--json {root}/ms3_data is a folder; name a file"),
        (["stats", "{root}", "--picture", "{root}/ms3_data"], "--picture {root}/ms3_data is a folder; name a png file"),
    ],
)
def test_mistakes_are_one_line(root: Path, words: list[str], says: str) -> None:
    done = command(*(word.format(root=root) for word in words))
    assert done.code == 2
    assert says.format(root=root) in done.err
    assert done.err.count("\n") == 1


def test_every_help_has_an_example_and_every_kind_a_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["check"], ["stats"], ["help"]):
        with pytest.raises(SystemExit) as stop:
            avseg(["data", *words, "--help"])
        assert stop.value.code == 0
    assert all(ISSUES.values())
