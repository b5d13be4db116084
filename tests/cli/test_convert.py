"""`avseg convert`: official weights to a checkpoint that every verb reads, and back to the same tensors."""

import contextlib
import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from avseg.models.avs.network import AVSModel
from avseg.models.avs.weights import to_official
from avseg.training.load import load_clip_model
from tests.golden_recipe import fill_official
from tests.media.make_video import make_video
from tests.runs_for_tests import Command, avseg

# the smallest backbone with official names
MODEL = [
    "data=toy_ms3",
    "data.image_size=32",
    "backbone=pvt_v2_b5",
    "backbone.name=pvt_v2_b0",
    "audio=mel",
    "fusion=stages_34",
    "model.channels=8",
]
BAR = "trainer.enable_progress_bar=false"


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of official weights as a parallel model saves them."""
    path = tmp_path_factory.mktemp("official") / "MS3_b0.pth"
    shapes = {name: tensor.shape for name, tensor in to_official(AVSModel("pvt_v2_b0", (3, 4), channels=8)).items()}
    torch.save({f"module.{name}": tensor for name, tensor in fill_official(shapes, 7).items()}, path)
    return path


@pytest.fixture(scope="module")
def converted(official: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("converted") / "ms3.ckpt"
    done = avseg(["convert", str(official), "--out", str(path), *MODEL])
    assert done.code == 0, done.err
    return path


def without_module(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_there_and_back_gives_the_same_tensors(official: Path, converted: Path, suffix: str, tmp_path: Path) -> None:
    back = tmp_path / f"back{suffix}"
    done = avseg(["convert", str(converted), "--out", str(back)])
    assert done.code == 0, done.err
    assert str(back) in done.out
    given = without_module(torch.load(official, weights_only=True))
    state = load_file(back) if suffix == ".safetensors" else torch.load(back, weights_only=True)
    assert state.keys() == given.keys()
    for name, tensor in given.items():
        assert torch.equal(state[name], tensor), name


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs a device that is always full")
def test_a_full_disk_is_one_line(converted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # the device itself may never be renamed over: only what the file is opened as changes
    monkeypatch.setattr("avseg.cli.convert.atomic_file", lambda out: contextlib.nullcontext(Path("/dev/full")))
    done = avseg(["convert", str(converted), "--out", str(tmp_path / "back.pth")])
    assert done.code == 2
    assert done.err.startswith("avseg: error: no space left on the disk")
    assert Path("/dev/full").is_char_device()


@pytest.mark.slow  # few seconds, but the smaller model above takes the same way
def test_resnet50_there_and_back(tmp_path: Path) -> None:
    """The official file carries copies of two stages that nothing uses; they come back as copies of the used ones."""
    model = ["data=toy_ms3", "backbone=resnet50", "audio=mel", "fusion=stage_4", "model.channels=8"]
    source, ours, back = (tmp_path / name for name in ("official.pth", "ours.ckpt", "back.pth"))
    shapes = {name: tensor.shape for name, tensor in to_official(AVSModel("resnet50", (4,), channels=8)).items()}
    given = fill_official(shapes, 7)
    torch.save(given, source)
    for words in ([str(source), "--out", str(ours), *model], [str(ours), "--out", str(back)]):
        done = avseg(["convert", *words])
        assert done.code == 0, done.err
    state = torch.load(back, weights_only=True)
    assert state.keys() == given.keys()
    for name, tensor in state.items():
        assert torch.equal(tensor, given[re.sub(r"(layer[34])_2", r"\1_1", name)]), name


def test_from_safetensors(official: Path, converted: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "official.safetensors", tmp_path / "ms3.ckpt"
    save_file(without_module(torch.load(official, weights_only=True)), source)
    done = avseg(["convert", str(source), "--out", str(out), *MODEL])
    assert done.code == 0, done.err
    state = load_clip_model(out).state_dict()
    for name, tensor in load_clip_model(converted).state_dict().items():
        assert torch.equal(state[name], tensor), name


def test_what_is_converted_can_be_scored_and_used(ms3_root: Path, converted: Path, tmp_path: Path) -> None:
    words = [f"checkpoint={converted}", f"root={ms3_root}", f"out={tmp_path}/scores", "trainer=cpu", BAR]
    done = avseg(["evaluate", *words])
    assert done.code == 0, done.err
    result = json.loads((tmp_path / "scores" / "result.json").read_text())
    assert result["clips"] == 7
    assert set(result["scores"]) == {"own", "silence", "noise", "other", "shuffled"}
    video = make_video(tmp_path / "video.mp4", frames=10, rate=5, size=(32, 48))
    done = avseg(["predict", str(video), "--out", f"{tmp_path}/masks", "--checkpoint", str(converted)])
    assert done.code == 0, done.err
    assert len(list((tmp_path / "masks" / "video" / "masks").iterdir())) == 2


def test_what_is_converted_can_start_a_training(ms3_root: Path, converted: Path, tmp_path: Path) -> None:
    words = [f"data.root={ms3_root}", f"paths.outputs={tmp_path}/out", "debug=one_batch", "callbacks=none"]
    start = ["init=checkpoint", f"init.checkpoint={converted}", "backbone.pretrained=false", "trainer=cpu", BAR]
    done = avseg(["train", *MODEL, *words, *start], tmp_path / "out")
    assert done.code == 0, done.err


def error_of(words: list[object]) -> str:
    done = avseg([str(word) for word in words])
    lines = done.err.strip().splitlines()
    assert done.code == 2, done
    assert len(lines) == 1, done.err
    return lines[0]


def test_a_backbone_without_official_names(trained: Command, tmp_path: Path) -> None:
    line = error_of(["convert", trained.run, "--out", tmp_path / "x.pth"])
    assert "'test_efficientnet'" in line
    assert "resnet50" in line
    assert not (tmp_path / "x.pth").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("fusion=stages_1234", "missing"),
        ("fusion=none", "unexpected"),
        ("model.channels=16", "of another shape"),
        ("data=toy_avss", "of another shape"),
        ("backbone.name=resnet50", "unexpected"),
        ("backbone.name=test_efficientnet", "resnet50 or pvt_v2_b*"),
        ("fusion.stages=[5]", "fusion.stages=5 is not allowed; it must be 1, 2, 3 or 4"),
        ("nonsense=1", "'nonsense'"),
    ],
)
def test_overrides_that_do_not_fit_the_file(official: Path, change: str, told: str, tmp_path: Path) -> None:
    assert told in error_of(["convert", official, "--out", tmp_path / "x.ckpt", *MODEL, change])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["empty.pth", "text.pth", "half.pth", "list.pth", "text.safetensors", "dict.pth"])
def test_a_file_that_holds_no_weights(official: Path, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name.startswith(("list", "dict")):
        torch.save([1, 2] if name.startswith("list") else {"epoch": 3}, path)
    else:
        content = {"empty": b"", "text": b"no weights at all\n" * 9, "half": official.read_bytes()[:5000]}
        path.write_bytes(content[path.stem])
    assert str(path) in error_of(["convert", path, "--out", tmp_path / "out" / "x.ckpt", *MODEL])
    assert not (tmp_path / "out").exists()


def test_a_file_that_does_not_exist(tmp_path: Path) -> None:
    assert "no.pth" in error_of(["convert", tmp_path / "no.pth", "--out", tmp_path / "x.ckpt", *MODEL])


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    assert str(tmp_path) in error_of(["convert", tmp_path, "--out", tmp_path / "x.pth"])


def test_a_run_needs_no_description(trained: Command, tmp_path: Path) -> None:
    """Overrides describe official weights; beside a run they would be ignored, so they are refused."""
    assert "model.channels=3" in error_of(["convert", trained.run, "--out", tmp_path / "x.pth", "model.channels=3"])


def test_a_folder_is_no_file_to_write(official: Path, tmp_path: Path) -> None:
    assert "is a folder" in error_of(["convert", official, "--out", tmp_path, *MODEL])


def test_what_converts_never_overwrites_its_source(official: Path) -> None:
    before = official.read_bytes()
    assert "--out" in error_of(["convert", official, "--out", official, *MODEL])
    assert official.read_bytes() == before
