"""A foreign package with a model, a data set, a metric and an audio front end: `tests/plugin_example`."""

import csv
import json
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from avseg.config import plugins
from avseg.metrics.registry import METRICS
from tests.fresh_process import FreshProcess
from tests.media.make_video import make_video
from tests.runs_for_tests import avseg

TOP = Path(__file__).resolve().parents[1]
EXAMPLE = TOP / "tests" / "plugin_example"


class Done(NamedTuple):
    """The result of a command."""

    code: int
    out: str
    err: str


def commands(*lines: Sequence[object], plugin: bool = True) -> list[Done]:
    """Run avseg commands in a process of its own, which is how a plugin is loaded."""
    options = ["--plugin", str(EXAMPLE)] if plugin else []
    words = [[*options, *map(str, line)] for line in lines]
    environment = {key: value for key, value in os.environ.items() if key != "AVSEG_PLUGINS"}
    process = FreshProcess(_run, words, environment=environment).end()
    assert process.code == 0, process.err
    return [Done(*result) for result in json.loads(process.out.rpartition("RESULTS")[2])]


def _run(lines: list[list[str]]) -> None:
    """Run all commands in one process: a plugin that was loaded stays loaded."""
    results = [avseg(words) for words in lines]
    print("RESULTS" + json.dumps([(done.code, done.out, done.err) for done in results]))


def refusals(*lines: Sequence[object], plugin: bool = True) -> list[str]:
    """The one line of each error with exit code 2."""
    messages = []
    for done in commands(*lines, plugin=plugin):
        assert done.code == 2, done
        (message,) = done.err.strip().splitlines()
        messages.append(message)
    return messages


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("example") / "example_set"
    assert FreshProcess(_generate, root).end().code == 0
    return root


def _generate(root: Path) -> None:
    sys.path.insert(0, str(EXAMPLE / "src"))
    sys.argv = ["generate", str(root)]
    runpy.run_module("avseg_example.generate", run_name="__main__")


@pytest.fixture(scope="module")
def trained(data: Path) -> Path:
    """A run of the example's model on the example's data with the example's front end."""
    outputs = data.parent / "outputs"
    paths = [f"paths.data={data.parent}", f"paths.outputs={outputs}"]
    (done,) = commands(["train", "model=example", "data=example_set", "audio=example_wave", "trainer=cpu", *paths])
    assert done.code == 0, done.err
    assert "left empty" in done.out
    (run,) = outputs.glob("*/*/seed=*")
    return run


def test_training_uses_model_data_metric_and_front_end(trained: Path) -> None:
    config = (trained / "config.yaml").read_text()
    for name in ("ExampleConfig", "ExampleSetConfig", "WaveConfig"):
        assert f"_target_: avseg_example.config.{name}" in config
    result = json.loads((trained / "result.json").read_text())
    assert "silent_empty" in result["scores"]["own"]
    assert result["videos_per_group"] == 1  # the model's preset
    with (trained / "per_clip.csv").open(newline="") as file:
        assert "silent_empty" in next(csv.reader(file))
    with (trained / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2  # epochs of the preset
    assert {"train/bce", "train/area", "train/loss", "val/silent_empty"} <= rows[0].keys()
    (plugin,) = json.loads((trained / "manifest.json").read_text())["plugins"].values()
    assert plugin["package"] == "avseg_example"


def test_evaluation_prediction_and_status(trained: Path, tmp_path: Path) -> None:
    make_video(tmp_path / "video.mp4", frames=20, rate=5, size=(48, 64))
    done = commands(
        ["evaluate", f"checkpoint={trained}", f"out={tmp_path / 'scores'}", "trainer=cpu"],
        ["predict", tmp_path / "video.mp4", "--out", tmp_path / "masks", "--checkpoint", trained],
        ["status", "--out", trained.parents[2]],
    )
    assert [result.code for result in done] == [0, 0, 0], done
    again = json.loads((tmp_path / "scores" / "result.json").read_text())
    assert again["scores"] == json.loads((trained / "result.json").read_text())["scores"]
    assert (tmp_path / "masks" / "video" / "overlay.mp4").is_file()
    assert "complete" in done[2].out


def test_checkpoints_that_name_other_classes_are_refused(trained: Path, tmp_path: Path) -> None:
    """That of a plugin that is not there, and that of a class outside of avseg and its plugins."""
    path = tmp_path / "best.ckpt"
    checkpoint = torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)
    checkpoint["avseg"]["config"]["model"]["_target_"] = "subprocess.Popen"
    torch.save(checkpoint, path)
    out = f"out={tmp_path / 'scores'}"
    absent, unknown, foreign = refusals(
        ["evaluate", f"checkpoint={trained}", out],
        ["train", "model=example"],
        ["evaluate", f"checkpoint={path}", out],
        plugin=False,
    )
    assert "avseg_example.config.ExampleConfig is not allowed" in absent
    assert "--plugin" in absent
    assert "model=example does not exist" in unknown
    assert "subprocess.Popen is not allowed" in foreign
    (foreign,) = refusals(["evaluate", f"checkpoint={path}", out])
    assert "subprocess.Popen is not allowed: it is not part of avseg, avseg_example" in foreign


@pytest.mark.slow
def test_a_table_of_the_plugin(data: Path, tmp_path: Path) -> None:
    paths = [f"paths.data={data.parent}", f"paths.outputs={tmp_path}"]
    (done,) = commands(["reproduce", "example_table", "--jobs", 2, *paths, "logger=wandb_offline"])
    assert done.code == 0, done.err
    folder = tmp_path / "example_table" / "table"
    assert "left empty" in (folder / "table.md").read_text()
    with (folder / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    files = list(tmp_path.rglob("*.wandb"))
    assert len(files) == 4
    for file in files:
        assert b"silent_empty" in file.read_bytes()


MISTAKES = {
    "model=exampel": "did you mean 'example'?",
    "backbone=tiny": "model=example does not read the group backbone",
    "model.widht=4": "did you mean 'width'?",
    "model.width=0": "model.width=0 is not allowed",
    "metrics.names=[silent_emty]": "did you mean 'silent_empty'",
}


def test_mistakes_are_one_line(data: Path, tmp_path: Path) -> None:
    common = ["train", "model=example", "data=example_set", f"paths.data={data.parent}", f"paths.outputs={tmp_path}"]
    for message, expected in zip(refusals(*([*common, word] for word in MISTAKES)), MISTAKES.values(), strict=True):
        assert expected in message
    assert not list(tmp_path.iterdir())


def test_a_plugin_that_does_not_exist(tmp_path: Path) -> None:
    for name in ("no_such_module", str(tmp_path)):
        done = subprocess.run(
            [sys.executable, "-m", "avseg", "--plugin", name, "status"], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 2
        (line,) = done.stderr.strip().splitlines()
        assert name in line


def test_an_installed_plugin_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    shutil.copytree(EXAMPLE / "src" / "avseg_example", site / "avseg_example")
    info = site / "avseg_example-0.0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: avseg-example\nVersion: 0.0.1\n")
    (info / "entry_points.txt").write_text("[avseg.plugins]\nexample = avseg_example\n")
    monkeypatch.syspath_prepend(str(site))
    plugins.plugins.cache_clear()
    try:
        found = {plugin.name: plugin for plugin in plugins.plugins()}
        assert found["example"].package == "avseg_example"
        assert found["example"].version == "0.0.1"
        assert (found["example"].conf / "model" / "example.yaml").is_file()
    finally:
        plugins.plugins.cache_clear()


def test_the_example_is_not_part_of_the_wheel_or_of_this_process() -> None:
    assert "silent_empty" not in METRICS
    assert not list((TOP / "src").rglob("*avseg_example*"))
