"""The record of what a run depends on: packs, long videos, sets that are walked, plugins, weights in the cache."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from avseg.audio.frontend import LogMel
from avseg.config.plugins import load, plugins
from avseg.data.avsbench.config import AVSBenchConfig
from avseg.data.avsbench.datamodule import AVSBenchDataModule
from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.lu_avs.paths import DATA_NAMES
from avseg.data.pack import build_pack
from avseg.metrics import registry
from avseg.runs import RunDirectory
from avseg.runs.archive import archive
from avseg.runs.inputs import Inputs, difference_of, read_inputs, record_inputs, write_inputs
from avseg.utils.errors import UserError
from avseg.utils.file_table import NOT_HIDDEN, FileTable
from tests.data.fake import make_ms3


def config(root: Path, *, metrics: tuple[str, ...] | None = None, **values: Any) -> Any:
    data = SimpleNamespace(root=str(root))
    return SimpleNamespace(data=data, metrics=SimpleNamespace(names=metrics), plain=lambda: values)


def walked(root: Path, names: str = NOT_HIDDEN) -> Any:
    return SimpleNamespace(root=root, walked_names=names)


def stored(inputs: Inputs, folder: Path) -> Inputs:
    """Write and read it, as a run does."""
    run = RunDirectory(folder / "run")
    write_inputs(run, inputs)
    result = read_inputs(run)
    assert result == inputs
    return result


def test_a_walked_set(tmp_path: Path) -> None:
    root = tmp_path / "data"
    (root / "a").mkdir(parents=True)
    (root / "a/one.wav").write_bytes(b"1")
    (root / "two.wav").write_bytes(b"2")
    (root / "loop").symlink_to(root)
    inputs = stored(record_inputs(config(root), walked(root), ()), tmp_path)
    assert "a/one.wav" in inputs.data.paths
    assert difference_of(inputs, config(root)) == ""
    (root / ".hidden").write_bytes(b"3")
    assert difference_of(inputs, config(root)) == ""
    (root / "a/three.wav").write_bytes(b"3")
    assert "1 file added (a/three.wav)" in difference_of(inputs, config(root))
    (root / "a/three.wav").unlink()
    (root / "two.wav").write_bytes(b"3")
    assert "changed" in difference_of(inputs, config(root))


def test_long_videos(tmp_path: Path) -> None:
    root = tmp_path / "lu"
    folder = root / "masks/video__dog__st__0__et__3"
    folder.mkdir(parents=True)
    files = [root / "seg_train.json", root / "videos/video.mp4", folder / "masks.npy"]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"content")
    inputs = stored(record_inputs(config(root), walked(root, DATA_NAMES), ()), tmp_path)
    assert len(inputs.data.paths) == 3
    (root / "readme.txt").write_text("not read")
    assert difference_of(inputs, config(root)) == ""
    for file in files:
        file.write_bytes(b"another")
        assert f"1 file changed ({file.relative_to(root)})" in difference_of(inputs, config(root))
        file.write_bytes(b"content")
        assert difference_of(inputs, config(root)) == ""
    (folder / "bbox.npy").write_bytes(b"new")
    assert "1 file added" in difference_of(inputs, config(root))


def test_a_pack(tmp_path: Path) -> None:
    root = tmp_path / "data"
    make_ms3(root)
    module = AVSBenchDataModule(AVSBenchConfig("toy", root=str(root), image_size=32, num_workers=0), LogMel())
    assert record_inputs(config(root), module, ()).packs.paths == []

    def pack() -> None:
        for split in ("train", "val", "test"):
            build_pack(AVSBenchDataset(root, "ms3", split, 32), "fake")

    pack()
    inputs = stored(record_inputs(config(root), module, ()), tmp_path)
    assert {Path(path).name for path in inputs.packs.paths} >= {"index.json", "frames.bin"}
    frames = root / "packed/train-32/frames.bin"
    content = frames.read_bytes()
    frames.write_bytes(content[:-1] + b"x")
    assert "from another pack than is in" in difference_of(inputs, config(root))
    shutil.rmtree(root / "packed")
    pack()
    assert difference_of(inputs, config(root)) == ""
    frames.unlink()  # the files that it was made from are the same
    assert difference_of(inputs, config(root)) == ""


def test_weights_of_the_cache_may_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "resnet50.pth").write_bytes(b"weights")
    monkeypatch.setenv("AVSEG_CACHE", str(tmp_path / "one"))
    weights = [tmp_path / "one/resnet50.safetensors", tmp_path / "one/resnet50.pth"]
    root = tmp_path / "data"
    root.mkdir()
    inputs = stored(record_inputs(config(root), walked(root), weights), tmp_path)
    monkeypatch.setenv("AVSEG_CACHE", str(tmp_path / "two"))
    assert difference_of(inputs, config(root)) == ""
    (tmp_path / "two/resnet50.safetensors").write_bytes(b"comes first")
    assert "with other weights: 1 file added" in difference_of(inputs, config(root))
    (tmp_path / "two/resnet50.safetensors").unlink()
    (tmp_path / "two/resnet50.pth").write_bytes(b"Weights")
    assert "with other weights: 1 file changed" in difference_of(inputs, config(root))


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A plugin without packaging."""
    package = tmp_path / "tiny_plugin_of_inputs"
    (package / "conf").mkdir(parents=True)
    (package / "__init__.py").write_text("VERSION = 1\n")
    monkeypatch.setenv("AVSEG_PLUGINS", "")
    monkeypatch.setattr(sys, "path", list(sys.path))
    load([str(package)])
    yield package
    sys.modules.pop(package.name, None)
    os.environ["AVSEG_PLUGINS"] = ""
    plugins.cache_clear()


def test_a_plugin(plugin: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    uses = config(root, model={"_target_": f"{plugin.name}.config.Model"})
    inputs = stored(record_inputs(uses, walked(root), ()), tmp_path)
    assert list(inputs.plugins) == [plugin.name]
    assert difference_of(inputs, uses) == ""
    assert record_inputs(config(root, model={"_target_": "avseg.x"}), walked(root), ()).plugins == {}
    (plugin / "__init__.py").write_text("VERSION = 2\n")
    assert f"with another code of the plugin {plugin.name}" in difference_of(inputs, uses)
    inputs.plugins[plugin.name]["version"] = "1.0"
    assert "it is unknown now and was 1.0" in difference_of(inputs, uses)
    plugins.cache_clear()
    os.environ["AVSEG_PLUGINS"] = ""
    assert "which is not loaded now" in difference_of(inputs, uses)


def test_a_plugin_that_adds_a_metric(plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "METRICS", dict(registry.METRICS))
    (plugin / "__init__.py").write_text(
        "from avseg.metrics.registry import register_metric\n"
        "register_metric('of_inputs', 'of inputs', lambda settings: None)\n"
    )
    root = tmp_path / "data"
    root.mkdir()
    inputs = stored(record_inputs(config(root), walked(root), ()), tmp_path)
    assert difference_of(inputs, config(root)) == ""
    assert record_inputs(config(root, metrics=()), walked(root), ()).plugins == {}
    (plugin / "__init__.py").write_text("# a version with another metric\n")
    assert f"with another code of the plugin {plugin.name}" in difference_of(inputs, config(root))
    plugins.cache_clear()
    os.environ["AVSEG_PLUGINS"] = ""
    assert difference_of(inputs, config(root)) == ""  # the other scores are the same


def test_one_byte_anywhere_in_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "large.npy"
    with path.open("wb") as file:
        file.truncate(80 << 20)
    table = FileTable.of(tmp_path, ["large.npy"])
    for offset in (0, (45 << 20) + 12345, (80 << 20) - 1):
        for byte, changed in ((b"x", ["large.npy"]), (b"\0", [])):
            with path.open("r+b") as file:
                file.seek(offset)
                file.write(byte)
            assert table.changes(tmp_path).changed == changed, offset


def test_archive(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "a/name-1/seed=3")
    assert archive(run) is None
    for _ in range(2):
        run.path.mkdir(parents=True, exist_ok=True)
        run.config.write_text("x: 1")
        folder = archive(run)
        assert folder is not None
        assert folder.name.startswith("archived-seed=3-")
        assert (folder / "config.yaml").is_file()
        assert not list(run.path.iterdir())
    assert len(list(run.path.parent.iterdir())) == 3


def test_a_damaged_record(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.inputs.write_bytes(b"no")
    with pytest.raises(UserError, match="is damaged"):
        read_inputs(run)
