"""A run is found complete, or continued, only with the data, weights and plugins that it was begun with."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from avseg.data.avsbench.layout import MS3Layout
from tests.runs_for_tests import SMALL, Command, avseg


class Copy:
    """A copy of a complete run and of its data."""

    def __init__(self, trained: Command, root: Path, folder: Path) -> None:
        self.root = shutil.copytree(root, folder / "data")
        self.outputs = shutil.copytree(trained.outputs, folder / "outputs")
        self.words = [word for word in trained.words if not word.startswith(("data.root=", "paths.outputs="))]
        self.words += [f"paths.outputs={self.outputs}"]

    def train(self, *more: str, root: Path | None = None) -> Command:
        return avseg([*self.words, f"data.root={root or self.root}", *more], self.outputs)


@pytest.fixture
def copy(trained: Command, ms3_root: Path, tmp_path: Path) -> Copy:
    return Copy(trained, ms3_root, tmp_path)


def frame(root: Path) -> Path:
    return MS3Layout(root).frames(MS3Layout(root).read_index()[0])[0]


def rewrite(path: Path) -> None:
    """Change a byte, but neither the size nor the time of modification."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def remove_clip(root: Path) -> None:
    index = MS3Layout(root).index_file
    index.write_text("\n".join(index.read_text().splitlines()[:-1]) + "\n")


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "content": (lambda root: rewrite(frame(root)), "1 file changed (ms3_data/visual_frames/train-0"),
    "index": (remove_clip, "1 file changed (ms3_meta_data.csv)"),
    "removed": (lambda root: frame(root).unlink(), "1 file removed (ms3_data/visual_frames/train-0"),
    "added": (
        lambda root: MS3Layout(root).log_mel(MS3Layout(root).read_index()[0]).write_bytes(b"new"),
        "1 file added (ms3_data/audio_log_mel/",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_data(copy: Copy, change: str) -> None:
    function, text = CHANGES[change]
    (copy.root / "ms3_data/audio_log_mel/train").mkdir(parents=True, exist_ok=True)
    assert copy.train().code == 0
    function(copy.root)
    command = copy.train()
    assert command.code == 2
    (line,) = command.err.strip().splitlines()
    assert f"on other data than is in {copy.root} now: {text}" in line
    assert "experiment=NAME" in line
    assert "--rerun" in line


def test_a_touched_file_and_a_moved_root_are_the_same_data(copy: Copy, ms3_root: Path, tmp_path: Path) -> None:
    result = next(copy.outputs.rglob("result.json")).read_text()
    os.utime(frame(copy.root))
    assert copy.train().code == 0
    moved = copy.root.rename(tmp_path / "moved")
    again = copy.train(root=moved)
    assert again.code == 0, again.err
    (moved.parent / "release").mkdir()
    moved.rename(tmp_path / "release/Multi-sources")
    assert copy.train(root=tmp_path / "release").code == 0  # the folder above the index
    assert next(copy.outputs.rglob("result.json")).read_text() == result


def test_another_root(copy: Copy, tmp_path: Path) -> None:
    other = shutil.copytree(copy.root, tmp_path / "other")
    rewrite(frame(other))
    assert f"than is in {other} now" in copy.train(root=other).err
    assert "does not exist" in copy.train(root=tmp_path / "nowhere").err
    shutil.rmtree(other)


def test_deleted_data_leave_the_numbers(trained: Command, ms3_root: Path, tmp_path: Path) -> None:
    """Of a finished run whose own folder is gone there is no other data."""
    hidden = ms3_root.rename(tmp_path / "hidden")
    try:
        assert avseg(trained.words, trained.outputs).code == 0
    finally:
        hidden.rename(ms3_root)


def test_rerun_sets_the_old_run_aside(copy: Copy) -> None:
    run = copy.train().run
    old = (run / "result.json").read_text()
    assert copy.train("--rerun", root=copy.root / "nowhere").code == 2
    assert (run / "result.json").read_text() == old  # a mistake leaves it
    first, second, *_ = MS3Layout(copy.root).frames(MS3Layout(copy.root).read_index()[0])
    shutil.copy(second, first)
    command = copy.train("--rerun", "trainer.max_epochs=2")
    assert command.code == 0, command.err
    (archived,) = run.parent.glob("archived-seed=*")
    assert (archived / "result.json").read_text() == old
    assert (run / "result.json").is_file()
    assert copy.train().code == 0
    sweep = avseg([*copy.words, f"data.root={copy.root}", "-m", "hydra/launcher=basic", "seed=123"], copy.outputs)
    assert sweep.code == 0
    rewrite(frame(copy.root))
    words = [*copy.words, f"data.root={copy.root}", "-m", "seed=123"]
    assert "1 changed" in avseg(["status", "default", "--out", str(copy.outputs)]).out
    for launcher in ("basic", "isolated"):
        sweep = avseg([*words, f"hydra/launcher={launcher}"], copy.outputs)
        assert sweep.code == 2
        assert "on other data" in sweep.err


def test_other_weights(ms3_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = tmp_path / "start.pth"
    words = ["train", *SMALL, "callbacks=none", "data.num_workers=0", f"data.root={ms3_root}"]
    words += [f"paths.outputs={tmp_path / 'outputs'}", "trainer.max_epochs=1"]
    first = avseg([*words, "seed=1"], tmp_path / "outputs")
    assert first.code == 0, first.err
    shutil.copy(first.run / "checkpoints/best.ckpt", weights)
    words += ["init=checkpoint", f"init.checkpoint={weights}", "seed=2"]
    assert avseg(words).code == 0
    assert avseg(words).code == 0
    checkpoint = torch.load(weights, weights_only=True)
    name = next(iter(checkpoint["state_dict"]))
    checkpoint["state_dict"][name] += 1
    torch.save(checkpoint, weights)
    command = avseg(words)
    assert command.code == 2
    assert f"with other weights: 1 file changed ({weights})" in command.err
    weights.unlink()
    assert avseg(words).code == 0
