"""A pack appears complete or not at all, whatever happens while it is built."""

import hashlib
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.avsbench.layout import layout_for
from avseg.data.pack import build_pack, open_pack
from avseg.utils.errors import UserError
from avseg.utils.locks import ProcessLock
from tests.data.fake import make_ms3, make_s4
from tests.data.pack.packs import packed_set


@pytest.fixture
def files(tmp_path: Path) -> AVSBenchDataset:
    make_ms3(tmp_path, {"train": 5})
    return AVSBenchDataset(tmp_path, "ms3", "train", 32)


def _packed(files: AVSBenchDataset) -> Path:
    return files.layout.root / "packed"


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "verified.json"}


def _killed_at(files: AVSBenchDataset, clip: int) -> None:
    """Pack in another process that is killed after some clips."""
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        if done == clip:
            os.kill(os.getpid(), signal.SIGKILL)

    if (child := os.fork()) == 0:
        try:
            build_pack(files, "fake", advance=advance)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_the_bytes_are_those_of_the_images(tmp_path: Path) -> None:
    layout = make_s4(tmp_path, {"train": 2, "test": 1})
    folder = build_pack(AVSBenchDataset(tmp_path, "s4", "train", 32), "fake")
    frames = np.fromfile(folder / "frames.bin", np.uint8).reshape(2, 5, 3, 32, 32)
    masks = np.fromfile(folder / "masks.bin", np.uint8)
    for number, entry in enumerate(layout.entries("train")):
        for second, path in enumerate(layout.frames(entry)):
            assert (frames[number, second].transpose(1, 2, 0) == np.asarray(Image.open(path))).all()
        (path,) = layout.masks(entry)
        # PIL returns images of mode "1" as bits too
        assert masks[128 * number : 128 * (number + 1)].tobytes() == Image.open(path).tobytes()
    index = json.loads((folder / "index.json").read_text())
    for name, array in index["arrays"].items():
        assert array["sha256"] == hashlib.sha256((folder / f"{name}.bin").read_bytes()).hexdigest()


def test_processes_write_the_same_bytes(files: AVSBenchDataset) -> None:
    steps: list[None] = []
    alone = _content(build_pack(files, "fake", advance=lambda: steps.append(None)))
    together = _content(build_pack(files, "fake", workers=2, advance=lambda: steps.append(None)))
    assert alone == together
    assert len(steps) == 10


@pytest.mark.parametrize("clip", [1, 4, 5])
def test_killed_in_the_middle(files: AVSBenchDataset, clip: int) -> None:
    _killed_at(files, clip)
    assert not (_packed(files) / "train-32").exists()
    with pytest.raises(UserError, match="does not exist"):
        open_pack(files)
    build_pack(files, "fake")
    assert [path.name for path in _packed(files).iterdir()] == ["train-32"]
    open_pack(files)


def test_killed_next_to_an_older_pack(files: AVSBenchDataset) -> None:
    before = _content(build_pack(files, "old"))
    _killed_at(files, 3)
    assert _content(_packed(files) / "train-32") == before
    open_pack(files)
    build_pack(files, "new")
    assert _content(_packed(files) / "train-32").keys() == before.keys()
    assert json.loads((_packed(files) / "train-32/index.json").read_text())["fingerprint"] == "new"
    assert [path.name for path in _packed(files).iterdir()] == ["train-32"]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_damaged_file_leaves_nothing(files: AVSBenchDataset, workers: int) -> None:
    files.layout.frames(files.entries[3])[2].write_bytes(b"not an image")
    with pytest.raises(UserError, match=r"train-3\.mp4_3\.png is not a readable frame"):
        build_pack(files, "fake", workers)
    assert not _packed(files).exists()


def test_a_file_that_changes_while_it_is_packed(files: AVSBenchDataset) -> None:
    sound = files.layout.wav(files.entries[0])
    with pytest.raises(UserError, match=r"train-0\.wav has changed while it was packed"):
        build_pack(files, "fake", advance=lambda: os.utime(sound, ns=(0, sound.stat().st_mtime_ns + 1)))
    assert not _packed(files).exists()


def test_one_process_at_a_time(files: AVSBenchDataset) -> None:
    _packed(files).mkdir()
    with (
        ProcessLock(_packed(files) / ".lock"),
        pytest.raises(UserError, match=f"packed: process {os.getpid()} on .* is packing; wait for it"),
    ):
        build_pack(files, "fake")
    build_pack(files, "fake")


def test_sizes_and_splits_are_packed_next_to_each_other(tmp_path: Path) -> None:
    packed_set(tmp_path, "avss", 32)
    build_pack(AVSBenchDataset(tmp_path, "avss", "test", 24), "fake")
    names = {path.name for path in (tmp_path / "packed").iterdir()}
    assert names == {"train-32", "val-32", "test-32", "test-24"}
    assert layout_for("avss", tmp_path).read_index()  # none of them is in the way of the data
