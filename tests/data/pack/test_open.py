"""A pack that is damaged, stale or built with other options is refused in one line."""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avseg.audio import LogMel
from avseg.audio import frontend as frontends
from avseg.data.avsbench import dataset as avsbench
from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.avsbench.layout import layout_for
from avseg.data.pack import PackedDataset, build_pack, index, integrity, open_pack, verify_packs
from avseg.utils.errors import UserError
from tests.data.modules import avsbench_module
from tests.data.pack.packs import packed_set

FILES = ("frames.bin", "masks.bin", "patches.bin", "sources.bin", "index.json")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return packed_set(tmp_path, splits=("val",))


def _files(root: Path, **choices) -> AVSBenchDataset:
    return AVSBenchDataset(root, "ms3", "val", 32, **choices)


def _refused(root: Path, match: str, **choices) -> None:
    with pytest.raises(UserError, match=match) as caught:
        open_pack(_files(root, **choices))
    assert "\n" not in str(caught.value)
    assert "run `avseg data pack" in str(caught.value)
    assert "data.packed=false" in str(caught.value)
    # the data module does not ignore it either
    with pytest.raises(UserError, match=match):
        avsbench_module(root, "ms3", **choices).setup("validate")
    avsbench_module(root, "ms3", packed=False, **choices).setup("validate")


def _flip(path: Path, position: int, *, keep_time: bool = False) -> None:
    times = path.stat()
    content = bytearray(path.read_bytes())
    content[position] ^= 1 << position % 8
    path.write_bytes(content)
    # a coarse clock may return the time of the last check again
    later = times.st_mtime_ns if keep_time else times.st_mtime_ns + 1_000_000
    os.utime(path, ns=(times.st_atime_ns, later))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("opened_before", [False, True])
def test_every_flipped_byte_is_found(root: Path, name: str, opened_before: bool) -> None:
    path = root / "packed/val-32" / name
    content, chance = path.read_bytes(), random.Random(name)
    for position in (0, len(content) - 2, *(chance.randrange(len(content)) for _ in range(6))):
        if opened_before:
            open_pack(_files(root))
        _flip(path, position)
        _refused(root, f"{name} is damaged|{name} is of format|index.json is damaged")
        path.write_bytes(content)
    open_pack(_files(root))


@pytest.mark.parametrize("name", FILES)
def test_a_flip_that_hides_its_time_is_found_by_verifying(
    root: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    original = integrity._status
    # a disk that flips a bit by itself changes no time at all, not even that of the last change of the times
    monkeypatch.setattr(integrity, "_status", lambda path, array: original(path, array)[:2])
    open_pack(_files(root))
    layout = layout_for("ms3", root)
    assert [problem for _, problem in verify_packs(layout)] == [None]
    path = root / "packed/val-32" / name
    _flip(path, path.stat().st_size - 77, keep_time=True)
    ((folder, problem),) = verify_packs(layout)
    assert folder.name == "val-32"
    assert f"{name} is damaged" in str(problem)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("cut", ["half", "one byte", "empty", "gone", "longer"])
def test_a_truncated_file_is_found(root: Path, name: str, cut: str) -> None:
    path = root / "packed/val-32" / name
    size = path.stat().st_size
    if cut == "gone":
        path.unlink()
    elif cut == "longer":
        path.write_bytes(path.read_bytes() + b"x")
    else:
        os.truncate(path, {"half": size // 2, "one byte": size - 2, "empty": 0}[cut])
    _refused(root, f"{name} is (damaged|missing)")


def test_valid_files_are_read_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, original = [], integrity.file_digest
    monkeypatch.setattr(integrity, "file_digest", lambda path: (read.append(path.stem), original(path))[1])
    for _ in range(3):
        open_pack(_files(root))
    assert sorted(read) == ["frames", "masks", "patches", "sources"]
    os.utime(root / "packed/val-32/masks.bin")
    open_pack(_files(root))
    assert read[4:] == ["masks"]
    (root / "packed/val-32/verified.json").write_text("[half")
    open_pack(_files(root))
    assert len(read) == 9


def test_a_folder_that_cannot_be_written(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(integrity, "atomic_file", refuse)
    open_pack(_files(root))
    assert not (root / "packed/val-32/verified.json").exists()


def _touch(path: Path) -> None:
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))


def test_a_source_file_that_changed(root: Path) -> None:
    layout, entry = layout_for("ms3", root), layout_for("ms3", root).entries("val")[1]
    for path in (layout.frames(entry)[3], layout.masks(entry)[0], layout.wav(entry)):
        before = path.stat()
        _touch(path)
        _refused(root, f"val-32 is stale: {path} has changed since it was packed")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        content = path.read_bytes()
        path.write_bytes(content + b"x")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        _refused(root, "has changed")
        path.unlink()
        _refused(root, f"{path} is gone")
        path.write_bytes(content)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        open_pack(_files(root))
    layout.log_mel(entry).parent.mkdir(parents=True)
    layout.log_mel(entry).touch()
    _refused(root, "pkl is new")


def test_another_index(root: Path) -> None:
    layout = layout_for("ms3", root)
    entries = layout.read_index()
    layout.write_index([entry for entry in entries if entry.split != "train"])  # another split is no matter
    open_pack(_files(root))
    layout.write_index(entries[::-1])
    _refused(root, "val-32 is stale: .*ms3_meta_data.csv lists other clips")


def test_class_names_that_changed(tmp_path: Path) -> None:
    packed_set(tmp_path, "avss", splits=("val",))
    label_file = tmp_path / "label2idx.json"
    label_file.write_text(label_file.read_text() + " ")
    with pytest.raises(UserError, match=r"label2idx\.json has changed"):
        PackedDataset(tmp_path, "avss", "val", 32)
    with pytest.raises(UserError, match="packed with stray background, but nearest is requested"):
        PackedDataset(tmp_path, "avss", "val", 32, stray="nearest")


def test_other_settings(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _refused(
        root, "val-32 was packed with hop vggish, but second is requested.* --hop second`", frontend=LogMel("second")
    )
    (root / "packed/val-32").rename(root / "packed/val-64")
    with pytest.raises(UserError, match="packed with image_size 32, but 64 is requested"):
        PackedDataset(root, "ms3", "val", 64)
    (root / "packed/val-64").rename(root / "packed/val-32")
    open_pack(_files(root, audio="wav"))  # every sound is a wav here, so auto meant the same
    monkeypatch.setattr(index, "FORMAT", 3)
    _refused(root, "is of format 2; this version reads format 3")


@pytest.mark.parametrize(
    ("function", "change", "array"),
    [
        ("log_mel_patches", lambda patches: patches + 1e-3, "patches"),
        ("read_frames", lambda images: (images[0] ^ 1, images[1]), "frames"),
        ("read_masks", lambda masks: 1 - masks, "masks"),
    ],
)
def test_another_installation_that_reads_differently(
    root: Path, monkeypatch: pytest.MonkeyPatch, function: str, change: Callable[..., Any], array: str
) -> None:
    module = frontends if function == "log_mel_patches" else avsbench
    original = getattr(module, function)
    monkeypatch.setattr(module, function, lambda *arguments: change(original(*arguments)))
    _refused(root, f"this installation reads other {array} from the files of clip 'val-0'")


def test_another_processor_rounds_differently(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = frontends.log_mel_patches
    monkeypatch.setattr(frontends, "log_mel_patches", lambda *arguments: original(*arguments) + 1e-6)
    open_pack(_files(root))


def test_packs_can_be_required(root: Path) -> None:
    avsbench_module(root, "ms3", packed=True).setup("validate")
    with pytest.raises(UserError, match=r"train-32 does not exist; run `avseg data pack .* --setting ms3 --size 32`"):
        avsbench_module(root, "ms3", packed=True).setup("fit")
    with pytest.raises(UserError, match=r"data\.packed 'yes' is unknown; allowed: auto, true, false"):
        avsbench_module(root, "ms3", packed="yes")  # type: ignore[arg-type]


def test_the_index_records_what_was_packed(root: Path) -> None:
    values = json.loads((root / "packed/val-32/index.json").read_text())
    expected = {"format": 2, "setting": "ms3", "split": "val", "image_size": 32, "hop": "vggish", "audio": "auto"}
    assert {key: values[key] for key in expected} == expected
    assert [clip[0] for clip in values["clips"]] == ["val-0", "val-1", "val-2"]
    assert (values["seconds"], values["labelled"], values["fingerprint"]) == ([5] * 3, [5] * 3, "fake")


def test_a_new_pack_after_a_refusal(root: Path) -> None:
    _touch(layout_for("ms3", root).index_file)
    _touch(layout_for("ms3", root).wav(_files(root).entries[0]))
    _refused(root, "stale")
    build_pack(_files(root), "fake")
    open_pack(_files(root))
