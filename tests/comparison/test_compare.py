"""`avseg compare` on runs and folders of masks, and its agreement with `avseg evaluate`."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avseg.comparison.request import parse_methods
from avseg.data.avsbench.layout import layout_for
from avseg.utils.errors import UserError
from tests.comparison.masks import noisy, save_grey, save_palette, truth
from tests.data.fake import make_ms3, make_s4
from tests.runs_for_tests import Command, avseg

TABLE_ONLY = ("--no-pictures", "--no-page")


def compare(*words: object, options: tuple[str, ...] = TABLE_ONLY) -> Command:
    done = avseg(["compare", *map(str, words), *options])
    assert done.code == 0, done.err
    return done


def record(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "comparison.json").read_text())


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_scores_as_in_its_evaluation_and_its_maps_as_it(trained: Command, tmp_path: Path) -> None:
    compare(f"run={trained.run}", f"again={trained.run}", "--save-masks", "--out", tmp_path / "one")
    own = json.loads((trained.run / "result.json").read_text())["scores"]["own"]
    for method in record(tmp_path / "one")["methods"].values():
        for key in ("miou", "fscore", "dataset_iou", "dataset_fscore"):
            assert method["scores"][key] == own[key]
    tests = record(tmp_path / "one")["tests"]
    assert {test["corrected"] for test in tests} == {1.0}
    # the same model's soft maps of 16 bit as a folder
    maps = tmp_path / "one/masks/run"
    compare(f"maps={maps}", f"run={trained.run}", "--out", tmp_path / "two")
    methods = record(tmp_path / "two")["methods"]
    assert methods["maps"]["f_of"] == "soft maps"
    assert methods["maps"]["scores"]["miou"] == own["miou"]
    assert methods["maps"]["scores"]["fscore"] == pytest.approx(own["fscore"], abs=1e-4)
    by_clip = {row["video_id"]: float(row["miou"]) for row in rows(trained.run / "per_clip.csv")}
    for row in rows(tmp_path / "two/per_clip.csv"):
        assert float(row["maps/miou"]) == by_clip[row["video_id"]]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("avss", "data=avss has 71 classes and clips of 5 or 10 frames; compare takes sounding or not"),
        ("lu_avs", "data=lu_avs has long videos; compare takes short clips"),
    ],
)
def test_data_that_cannot_be_compared_names_another_way(data: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    words = ["compare", f"masks={tmp_path / 'masks'}", "--data", f"data={data}", "--out", str(tmp_path / "out")]
    done = avseg([*words, "--data", "model=lu_avs_mask"] if data == "lu_avs" else words)
    assert done.code == 2
    assert says in done.err
    assert "avseg evaluate" in done.err
    assert "avseg reproduce table_" in done.err


def test_a_run_and_masks_of_another_program(trained: Command, ms3_root: Path, tmp_path: Path) -> None:
    layout = layout_for("ms3", ms3_root)
    theirs = tmp_path / "theirs"
    for entry, frames in zip(layout.entries("test"), truth(layout), strict=True):
        for number, mask in enumerate(frames, start=1):
            large = np.kron(mask, np.ones((3, 2))).astype(bool)
            save_palette(theirs / f"{entry.name}/{entry.name}_{number}.png", large, background_last=number == 2)
    words = (f"run={trained.run}", f"theirs={theirs}", "--out", tmp_path / "out")
    (theirs / "test-3/test-3_4.png").unlink()
    save_palette(theirs / "other/other_1.png", np.ones((4, 4), dtype=bool))
    done = avseg(["compare", *map(str, words)])
    assert done.code == 2
    assert done.err.strip().splitlines()[-1] == (
        "avseg: error: theirs: 1 of 35 masks are missing (first: test-3/test-3_4.png); "
        "complete the folder, or add --allow-missing to count them as empty masks"
    )
    assert not (tmp_path / "out").exists()
    done = compare(*words, "--allow-missing")
    method = record(tmp_path / "out")["methods"]["theirs"]
    assert [(item["kind"], item["count"]) for item in method["findings"]] == [
        ("missing", 1),
        ("size", 35 - 1),
        ("extra", 1),
    ]
    # one of 35 frames has no mask; all others are the truth
    assert method["scores"]["frame_miou"] == pytest.approx(34 / 35)
    assert method["f_of"] == "hard masks"
    assert "F of hard masks" in done.out
    assert "ʰ" in (tmp_path / "out/table.md").read_text()
    # the same folder again replaces it, a folder of other files is left alone
    compare(*words, "--allow-missing")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("keep")
    mine = [*map(str, words), "--allow-missing", *TABLE_ONLY, "--out", str(tmp_path / "mine")]
    refused = avseg(["compare", *mine])
    assert refused.code == 2
    assert "exists and is not a comparison" in refused.err
    assert (tmp_path / "mine/notes.txt").read_text() == "keep"


def test_numbers_of_silence_by_brute_force(tmp_path: Path) -> None:
    layout = make_s4(tmp_path / "s4", {"test": 4})
    masks = truth(layout)
    for silent in (0, 3):  # frames without a sounding object
        path = layout.masks(layout.entries("test")[1])[silent]
        save_grey(path, np.zeros((32, 32)))
        masks[1][silent] = np.zeros((32, 32), dtype=bool)
    maps = noisy(layout, 3)
    maps[1][3] = np.zeros((32, 32))
    for entry, frames in zip(layout.entries("test"), maps, strict=True):
        for number, soft in enumerate(frames, start=1):
            save_grey(tmp_path / f"maps/{entry.name}_{number}.png", soft * 0.8, 16)
    maps[1][0][5:9] = 1
    for number, soft in enumerate(maps[1], start=1):
        save_grey(tmp_path / f"maps/{layout.entries('test')[1].name}_{number}.png", soft, 16)
    data = ("--data", "data=avsbench_s4", "--data", "data.image_size=32", "--root", layout.root)
    compare(f"maps={tmp_path / 'maps'}", *data, "--out", tmp_path / "out")
    written = record(tmp_path / "out")
    assert written["silent_frames"] == 2
    scores = written["methods"]["maps"]["scores"]
    assert scores["silent_empty"] == 0.5
    shares = []
    for clip, frames in enumerate(masks):
        for frame, mask in enumerate(frames):
            soft = maps[clip][frame] * (1.0 if clip == 1 else 0.8)
            shares.append(((soft > 0.5) & ~mask).sum() / (~mask).sum())
    assert scores["false_share"] == pytest.approx(float(np.mean(shares)), abs=1e-9)
    # per category: the mean over its clips
    by_clip = rows(tmp_path / "out/per_clip.csv")
    for name, values in written["categories"].items():
        own = [100 * float(row["maps/miou"]) for row in by_clip if row["category"] == name]
        assert values["clips"] == len(own)
        assert values["miou"]["maps"] == pytest.approx(np.mean(own))


def test_files_of_a_comparison(tmp_path: Path) -> None:
    layout = make_ms3(tmp_path / "ms3", {"test": 5})
    for name, seed in (("first", 1), ("second", 2)):
        (tmp_path / name).mkdir()
        for entry, frames in zip(layout.entries("test"), noisy(layout, seed), strict=True):
            np.savez(tmp_path / name / f"{entry.name}.npz", np.stack(frames))
    data = ("--data", "avsbench_ms3", "--data", "data.image_size=32", "--root", layout.root)
    compare(
        f"first={tmp_path / 'first'}", f"second={tmp_path / 'second'}", *data, "--out", tmp_path / "out", options=()
    )
    for name in (
        "panels/figure.pdf",
        "table.md",
        "table.tex",
        "table.png",
        "table.pdf",
        "scores.csv",
        "tests.csv",
        "per_clip.csv",
    ):
        assert (tmp_path / "out" / name).stat().st_size > 0, name
    assert [row["method"] for row in rows(tmp_path / "out/scores.csv")] == ["first", "second"]
    tests = rows(tmp_path / "out/tests.csv")
    assert {(row["metric"], row["clips"]) for row in tests} == {("miou", "5"), ("fscore", "5"), ("false_share", "5")}


@pytest.mark.parametrize(
    ("words", "patterns", "message"),
    [
        (["only/a/path"], [], "write NAME=SOURCE"),
        (["a=x", "a=y"], [], "given twice"),
        (["a=x"], ["b={name}.png"], "no method is named 'b'"),
    ],
)
def test_mistakes(words: list[str], patterns: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_methods(words, patterns)


def test_a_pattern_belongs_to_one_method_or_all() -> None:
    methods = parse_methods(["a=x", "b=y"], ["{name}/f={number}.png", "b={name}.npz"])
    assert [method.pattern for method in methods] == ["{name}/f={number}.png", "{name}.npz"]


def test_data_are_needed(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    done = avseg(["compare", f"a={tmp_path / 'masks'}", "--out", str(tmp_path / "out")])
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "no data: add --data" in done.err


def test_a_name_is_one_line_of_valid_text() -> None:
    methods = parse_methods(["caf\udce9=a", "two\nlines=b"], ["two\nlines={name}.png"])
    assert [method.name for method in methods] == ["caf\\udce9", "two\\nlines"]
