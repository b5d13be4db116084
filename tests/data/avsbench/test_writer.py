import csv
import errno
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from avseg.audio.log_mel import log_mel_patches, read_wav
from avseg.audio.log_mel_file import read_log_mel
from avseg.data.avsbench import writer
from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.avsbench.layout import layout_for
from avseg.data.avsbench.writer import write_set
from avseg.data.check.fixes import apply_fixes
from avseg.data.check.inspect import inspect_set
from avseg.data.setting import SPLITS
from avseg.data.synthetic.generate import SyntheticClipConfig, generate_clip
from avseg.data.synthetic.schedule import ScheduleRules
from avseg.data.synthetic.toy import ToyCast
from avseg.utils.errors import UserError

COUNTS = {"train": 2, "val": 1, "test": 2}


def recipe_for(setting, seconds=5, sounding="second"):
    return SyntheticClipConfig(ToyCast(), ScheduleRules(setting, sounding), size=32, seconds=seconds)


@pytest.fixture(
    params=[("s4", 5), ("ms3", 5), ("avss", 5), ("avss", 10)], ids=lambda p: f"{p[0]}-{p[1]}", scope="module"
)
def written(request, tmp_path_factory):
    setting, seconds = request.param
    root = tmp_path_factory.mktemp("sets") / setting
    recipe = recipe_for(setting, seconds)
    return root, recipe, write_set(root, recipe, COUNTS, {"seed": 0})


def test_the_reader_returns_what_was_written(written):
    root, recipe, _ = written
    setting = recipe.rules.setting
    classes = {name: index for index, name in enumerate(["background", *recipe.cast.categories])}
    for split in SPLITS:
        data = AVSBenchDataset(root, setting, split, image_size=32)
        assert len(data) == COUNTS[split]
        for index, item in enumerate(data):
            made = generate_clip(recipe, split, index)
            truth = made.class_masks(classes) if setting == "avss" else made.masks
            annotated = item.annotated[0].numpy()
            assert annotated.sum() == (1 if (setting, split) == ("s4", "train") else recipe.seconds)
            np.testing.assert_array_equal(item.masks[0].numpy()[annotated], truth[annotated[: recipe.seconds]])
            frames = item.frames[0, : recipe.seconds].permute(0, 2, 3, 1).numpy()
            # AVSS frames are jpg: a little is lost
            assert np.abs(frames.astype(int) - made.frames).mean() <= (4 if setting == "avss" else 0)
            assert item.sound[0, : recipe.seconds].std() > 0


def test_events_list_the_sounding_seconds(written):
    root, recipe, scores = written
    with (root / "events.csv").open() as file:
        rows = list(csv.DictReader(file))
    made = generate_clip(recipe, "test", 1)
    mine = [row for row in rows if row["clip"] == made.name]
    assert [row["category"] for row in mine] == made.categories
    assert [row["seconds"] for row in mine] == ["".join("01"[int(s)] for s in column) for column in made.sounding.T]
    assert [float(row["level_db"]) for row in mine] == pytest.approx(made.levels_db.tolist(), abs=0.01)
    table = json.loads((root / "oracle.json").read_text())
    assert set(table) == set(SPLITS)
    assert table["test"]["oracle"] == scores["test"].oracle
    assert table["test"]["frames"] == COUNTS["test"] * recipe.seconds
    assert json.loads((root / "generator.json").read_text()) == {"seed": 0}


def test_ms3_masks_are_equal_by_index_and_by_brightness(tmp_path):
    write_set(tmp_path / "set", recipe_for("ms3", sounding="clip"), {"test": 3}, {})
    layout = layout_for("ms3", tmp_path / "set")
    for path in [path for entry in layout.entries("test") for path in layout.masks(entry)]:
        with Image.open(path) as mask:
            assert mask.mode == "P"
            np.testing.assert_array_equal(np.asarray(mask) == 255, np.asarray(mask.convert("1")))
            assert set(np.unique(np.asarray(mask))) <= {0, 255}


def test_equal_options_write_equal_bytes(tmp_path):
    for name in ("one", "two"):
        write_set(tmp_path / name, recipe_for("ms3"), COUNTS, {})
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert len(files) == 5 * 12 + 4
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_a_failure_leaves_nothing(tmp_path, error):
    calls = []

    def advance():
        calls.append(1)
        if len(calls) == 2:
            raise error

    with pytest.raises(type(error)):
        write_set(tmp_path / "set", recipe_for("ms3"), COUNTS, {}, advance)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_raises_an_error_while_writing_sound(tmp_path, monkeypatch):
    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        writer.write_wav(tmp_path / "a.wav", np.zeros(10, np.float32), 16000)


def test_a_folder_in_use_is_refused_and_kept(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(UserError, match=r"--out .* exists and is not empty"):
        write_set(tmp_path, recipe_for("ms3"), COUNTS, {})
    with pytest.raises(UserError, match=r"mine.txt is a file"):
        write_set(tmp_path / "mine.txt", recipe_for("ms3"), COUNTS, {})
    assert (tmp_path / "mine.txt").read_text() == "precious"


@pytest.mark.parametrize(
    ("counts", "message"),
    [({"train": 0, "val": 0}, "0 clips to generate"), ({"train": 3, "val": -1}, "val is -1 clips")],
)
def test_counts_are_checked(tmp_path, counts, message):
    with pytest.raises(UserError, match=message):
        write_set(tmp_path / "set", recipe_for("ms3"), counts, {})


def test_the_official_readers_find_all_they_need(written):
    """What the official data sets open: patches by `pickle.load`, 71 class names of which the keys are in order."""
    root, recipe, _ = written
    layout = layout_for(recipe.rules.setting, root)
    if recipe.rules.setting == "avss":
        table = json.loads(layout.label_file.read_text())
        assert list(table.values()) == list(range(1, 72))
        assert list(table)[: 1 + len(recipe.cast.categories)] == ["background", *recipe.cast.categories]
        return
    for entry in layout.entries("test"):
        with layout.log_mel(entry).open("rb") as file:
            patches = pickle.load(file).detach()  # noqa: S301  # the official line
        assert patches.shape == (5, 1, 96, 64)
        assert torch.equal(patches, log_mel_patches(*read_wav(layout.wav(entry)))[:5])
        assert torch.equal(patches, read_log_mel(layout.log_mel(entry)))


def test_check_adds_what_an_older_set_lacks(written):
    root, recipe, _ = written
    setting = recipe.rules.setting
    layout = layout_for(setting, root)
    assert inspect_set(root, setting, jobs=1).valid
    names = ["background", *recipe.cast.categories]
    if setting == "avss":
        content = layout.label_file.read_bytes()
        layout.label_file.write_text(json.dumps({name: index for index, name in enumerate(names)}))
    else:
        files = [layout.log_mel(entry) for split in SPLITS for entry in layout.entries(split)]
        content = files[0].read_bytes()
        for file in files:
            file.unlink()
    report = inspect_set(root, setting, jobs=1)
    assert {finding.issue for finding in report.findings} == ({"index"} if setting == "avss" else {"missing"})
    assert len(apply_fixes(report)) == (1 if setting == "avss" else 5)
    assert inspect_set(root, setting, jobs=1).valid
    assert (layout.label_file if setting == "avss" else files[0]).read_bytes() == content
