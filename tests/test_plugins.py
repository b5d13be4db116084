"""A foreign package with a model, a data set, a metric and an audio front end: `tests/plugin_example`."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from avseg.config import plugins
from avseg.metrics.registry import METRICS

TOP = Path(__file__).resolve().parents[1]
EXAMPLE = TOP / "tests" / "plugin_example"


def command(*words: object, plugin: bool = True) -> subprocess.CompletedProcess[str]:
    """Run avseg in a process of its own, which is how a plugin is loaded."""
    options = ["--plugin", str(EXAMPLE)] if plugin else []
    environment = {key: value for key, value in os.environ.items() if key != "AVSEG_PLUGINS"}
    return subprocess.run(
        [sys.executable, "-m", "avseg", *options, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=240,
        env=environment,
    )


def refused(*words: object, plugin: bool = True) -> str:
    """The one line of an error with exit code 2."""
    done = command(*words, plugin=plugin)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.strip().splitlines()
    return line


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("example") / "example_set"
    environment = os.environ | {"PYTHONPATH": f"{EXAMPLE / 'src'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    generate = [sys.executable, "-m", "avseg_example.generate", str(root)]
    subprocess.run(generate, check=True, env=environment)
    return root


@pytest.fixture(scope="module")
def trained(data: Path) -> Path:
    """A run of the example's model on the example's data with the example's front end."""
    outputs = data.parent / "outputs"
    paths = [f"paths.data={data.parent}", f"paths.outputs={outputs}"]
    done = command("train", "model=example", "data=example_set", "audio=example_wave", "trainer=cpu", *paths)
    assert done.returncode == 0, done.stderr
    assert "left empty" in done.stdout
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


def test_evaluation_and_prediction(trained: Path, data: Path, tmp_path: Path) -> None:
    paths = [f"checkpoint={trained}", f"out={tmp_path / 'scores'}", "trainer=cpu"]
    done = command("evaluate", *paths)
    assert done.returncode == 0, done.stderr
    again = json.loads((tmp_path / "scores" / "result.json").read_text())
    assert again["scores"] == json.loads((trained / "result.json").read_text())["scores"]
    from tests.media.make_video import make_video

    make_video(tmp_path / "video.mp4", frames=20, rate=5, size=(48, 64))
    done = command("predict", tmp_path / "video.mp4", "--out", tmp_path / "masks", "--checkpoint", trained)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "masks" / "video" / "overlay.mp4").is_file()
    done = command("status", "--out", trained.parents[2])
    assert done.returncode == 0, done.stderr
    assert "complete" in done.stdout


def test_without_the_plugin_its_checkpoint_is_refused(trained: Path, tmp_path: Path) -> None:
    line = refused("evaluate", f"checkpoint={trained}", f"out={tmp_path / 'o'}", plugin=False)
    assert "avseg_example.config.ExampleConfig is not allowed" in line
    assert "--plugin" in line
    assert "does not exist" in refused("train", "model=example", plugin=False)


def test_a_table_of_the_plugin(data: Path, tmp_path: Path) -> None:
    paths = [f"paths.data={data.parent}", f"paths.outputs={tmp_path}"]
    done = command("reproduce", "example_table", "--jobs", 2, *paths, "logger=wandb_offline")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "example_table" / "table"
    assert "left empty" in (folder / "table.md").read_text()
    with (folder / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    assert len(list(tmp_path.rglob("*.wandb"))) == 4
    for file in tmp_path.rglob("*.wandb"):
        assert b"silent_empty" in file.read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "model=exampel"], "did you mean 'example'?"),
        (["train", "model=example", "backbone=tiny"], "model=example does not read the group backbone"),
        (["train", "model=example", "model.widht=4"], "did you mean 'width'?"),
        (["train", "model=example", "model.width=0"], "model.width=0 is not allowed"),
        (["train", "model=example", "data=example_set", "metrics.names=[silent_emty]"], "did you mean 'silent_empty'"),
    ],
)
def test_mistakes_are_one_line(words: list[str], message: str, data: Path) -> None:
    assert message in refused(*words, f"paths.data={data.parent}", f"paths.outputs={data.parent / 'none'}")


def test_a_plugin_that_does_not_exist(tmp_path: Path) -> None:
    for name in ("no_such_module", str(tmp_path)):
        done = subprocess.run(
            [sys.executable, "-m", "avseg", "--plugin", name, "status"], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 2
        (line,) = done.stderr.strip().splitlines()
        assert name in line


def test_a_checkpoint_cannot_name_a_class_outside_of_avseg(trained: Path, tmp_path: Path) -> None:
    import torch

    path = tmp_path / "best.ckpt"
    checkpoint = torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)
    checkpoint["avseg"]["config"]["model"]["_target_"] = "subprocess.Popen"
    torch.save(checkpoint, path)
    assert "subprocess.Popen is not allowed" in refused("evaluate", f"checkpoint={path}", f"out={tmp_path / 'o'}")


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
