"""Published weights through every verb that takes a model: by name, as a file, and back."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

import avseg as package
from avseg.models.avs.network import AVSModel
from avseg.models.avs.weights import to_official
from avseg.training.load import load_clip_model
from avseg.utils.errors import UserError
from avseg.weights.registry import KeyList, PublishedFile, published
from tests.golden_recipe import fill_official
from tests.media.make_video import make_video
from tests.runs_for_tests import avseg
from tests.weights.server import Shelf

MODEL = ("data=toy_ms3", "data.image_size=32", "backbone=pvt_v2_b5", "backbone.name=pvt_v2_b0", "audio=mel")
MODEL += ("fusion=stages_34", "model.channels=8")


@pytest.fixture(scope="module")
def official() -> Mapping[str, torch.Tensor]:
    """The smallest backbone with official names, and seeded weights."""
    shapes = {name: tensor.shape for name, tensor in to_official(AVSModel("pvt_v2_b0", (3, 4), channels=8)).items()}
    return fill_official(shapes, 7)


@pytest.fixture
def name(official: Mapping[str, torch.Tensor], shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A published model, on the server that stands for Google Drive."""
    monkeypatch.chdir(tmp_path)  # evaluations and predictions are written there
    shapes = {key: list(tensor.shape) for key, tensor in official.items()}
    (tmp_path / "keys.json").write_text(json.dumps({"all": shapes}))
    record = PublishedFile(
        name="tiny_ms3",
        title="a tiny TPAVI, MS3",
        source="drive:tiny",
        page="https://github.com/authors/tiny",
        licence="MIT",
        file="tiny_ms3.pth",
        megabytes=2,
        key_list=KeyList("keys.json", ("all",)),
        overrides=MODEL,
        setting="ms3",
        origin=tmp_path,
    )
    monkeypatch.setitem(published(), record.name, record)  # type: ignore[arg-type]
    torch.save(dict(official), tmp_path / "served.pth")
    shelf.files["drive/tiny"] = (tmp_path / "served.pth").read_bytes()
    return record.name


def same_weights(model: torch.nn.Module, official: Mapping[str, torch.Tensor]) -> bool:
    exported = model.export_weights()  # type: ignore[operator]
    return exported.keys() == official.keys() and all(torch.equal(exported[key], official[key]) for key in official)


def test_every_verb_takes_the_name(
    name: str, official: Mapping[str, torch.Tensor], ms3_root: Path, tmp_path: Path, cache: Path, shelf: Shelf
) -> None:
    video = make_video(tmp_path / "video.mp4", frames=10, rate=5, size=(32, 48))
    predicted = avseg(["predict", str(video), "--model", name])
    assert predicted.code == 0, predicted.err
    assert len(list((tmp_path / "predictions" / "video" / "masks").iterdir())) == 2
    source = json.loads((tmp_path / "predictions" / "video" / "scores.json").read_text())["checkpoint"]
    assert source["name"] == name
    assert source["path"] == str(cache / "tiny_ms3.pth")
    assert same_weights(package.load(name), official)

    evaluated = avseg(["evaluate", f"checkpoint={name}", f"root={ms3_root}", "trainer=cpu"])
    assert evaluated.code == 0, evaluated.err
    (result,) = (tmp_path / "outputs" / "evaluations" / name).glob("**/result.json")
    assert json.loads(result.read_text())["clips"] == 7

    converted = avseg(["convert", name, "--out", "tiny.ckpt"])
    assert converted.code == 0, converted.err
    back = avseg(["convert", "tiny.ckpt", "--out", "back.pth"])
    assert back.code == 0, back.err
    state = torch.load("back.pth", weights_only=True)
    assert state.keys() == official.keys()
    assert all(torch.equal(state[key], official[key]) for key in official)

    words = [f"data.root={ms3_root}", f"paths.outputs={tmp_path}/out", "debug=one_batch", "callbacks=none"]
    words += ["trainer=cpu", "trainer.enable_progress_bar=false", "backbone.pretrained=false"]
    trained = avseg(["train", *MODEL, *words, "init=checkpoint", f"init.checkpoint={name}"])
    assert trained.code == 0, trained.err
    (manifest,) = (tmp_path / "out").glob("**/manifest.json")
    assert json.loads(manifest.read_text())["init"]["name"] == name
    assert len(shelf.requests) == 1  # fetched once


def test_a_file_of_the_user_is_known_by_its_tensors(
    name: str, official: Mapping[str, torch.Tensor], tmp_path: Path
) -> None:
    torch.save({"state_dict": {f"module.{key}": tensor for key, tensor in official.items()}}, tmp_path / "mine.pth")
    assert same_weights(load_clip_model(tmp_path / "mine.pth"), official)
    assert avseg(["convert", "mine.pth", "--out", "mine.ckpt"]).code == 0
    torch.save({"another": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"other\.pth was not made by avseg"):
        load_clip_model(tmp_path / "other.pth")


def test_a_name_has_its_configuration(name: str) -> None:
    done = avseg(["convert", name, "--out", "x.ckpt", "model.channels=16"])
    assert done.code == 2
    assert "model.channels=16" in done.err


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("tiny_ms4", "did you mean 'tiny_ms3'"),
        ("vggish", "it is used as audio=vggish"),
        ("hf:nothing", "write hf:owner/name"),
        ("hf:owner/none", "https://huggingface.co/owner/none"),
    ],
)
def test_a_wrong_name_is_one_line(name: str, wrong: str, told: str) -> None:
    with pytest.raises(UserError, match=told) as caught:
        package.load(wrong)
    assert "\n" not in str(caught.value)
