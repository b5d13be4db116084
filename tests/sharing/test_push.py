"""A run as a folder and on the Hub: the same predictions bit for bit, a card with its scores, no local paths."""

import json
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

import avseg as package
from avseg.runs import read_json
from avseg.sharing.facts import without_paths
from avseg.training.load import load_clip_model
from avseg.utils.errors import UserError
from tests.runs_for_tests import Command, avseg
from tests.weights.server import Shelf


@pytest.fixture(scope="module")
def folder(trained: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("shared") / "model"
    done = avseg(["weights", "push", str(trained.run), "--out", str(out), "--licence", "cc-by-4.0"])
    assert done.code == 0, done.err
    return out


def prediction(source: str | Path) -> np.ndarray:
    frames = np.random.default_rng(1).integers(0, 256, (5, 32, 32, 3), np.uint8)
    waveform = np.random.default_rng(2).standard_normal(5 * 16_000).astype(np.float32) / 9
    return np.asarray(load_clip_model(source).predict_clip(frames, waveform, 16_000))


def test_the_folder_predicts_as_the_run(trained: Command, folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
        "result.json",
    ]
    assert np.array_equal(prediction(folder), prediction(trained.run))


def test_the_folder_is_evaluated_as_the_run(trained: Command, folder: Path, ms3_root: Path, tmp_path: Path) -> None:
    words = [f"checkpoint={folder}", f"root={ms3_root}", f"out={tmp_path}/scores", "trainer=cpu"]
    done = avseg(["evaluate", *words])
    assert done.code == 0, done.err
    scores = read_json(tmp_path / "scores" / "result.json")["scores"]
    assert scores == read_json(trained.run / "result.json")["scores"]


def test_the_card_has_metadata_scores_and_provenance(trained: Command, folder: Path) -> None:
    card = (folder / "README.md").read_text()
    _, metadata, text = card.split("---\n", 2)
    values = yaml.safe_load(metadata)
    own = read_json(trained.run / "result.json")["scores"]["own"]
    manifest = read_json(trained.run / "manifest.json")
    assert values["license"] == "cc-by-4.0"
    metrics = values["model-index"][0]["results"][0]["metrics"]
    assert {entry["type"]: entry["value"] for entry in metrics} == {
        "miou": round(100 * own["miou"], 2),
        "fscore": round(100 * own["fscore"], 2),
    }
    assert f"| its own sound | {100 * own['miou']:.2f} [" in text
    assert "| another clip's sound |" in text
    assert "over groups of 4 videos" in text
    for known in (manifest["data_fingerprint"], manifest["versions"]["torch"], f'avseg.load("{folder}")'):
        assert known in text


def test_nothing_names_a_folder_of_the_author(trained: Command, folder: Path, ms3_root: Path) -> None:
    text = "".join(path.read_text() for path in folder.glob("*.json"))
    text += (folder / "README.md").read_text().replace(str(folder), "")
    assert str(ms3_root.parent) not in text
    assert str(trained.outputs) not in text


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("avseg train data.root=/home/me/ms3 seed=1", "avseg train data.root=ms3 seed=1"),
        ("/usr/bin/avseg train init.checkpoint='~/a b/seed=1'", None),
        ("init.source=[data=toy_s4,data.root=/data/s4]", "init.source=[data=toy_s4,data.root=s4]"),
        ("https://example.org/a", "https://example.org/a"),
        ("torch.optim.Adam", "torch.optim.Adam"),
    ],
)
def test_absolute_paths_become_names(text: str, public: str | None) -> None:
    changed = without_paths(text)
    assert "/usr" not in changed
    assert "~" not in changed
    if public is not None:
        assert changed == public


def test_a_folder_that_exists_is_kept(trained: Command, folder: Path) -> None:
    done = avseg(["weights", "push", str(trained.run), "--out", str(folder)])
    assert done.code == 2
    assert "exists; name a new folder" in done.err


def test_weights_of_others_are_not_pushed(cache: Path, shelf: Shelf, tmp_path: Path) -> None:
    done = avseg(["weights", "push", "vggish", "--out", str(tmp_path / "x")])
    assert done.code == 2
    assert "vggish" in done.err
    assert not (tmp_path / "x").exists()


def test_a_checkpoint_outside_of_a_run_has_no_scores(trained: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.ckpt").write_bytes((trained.run / "checkpoints" / "best.ckpt").read_bytes())
    done = avseg(["weights", "push", str(tmp_path / "mine.ckpt"), "--out", str(tmp_path / "out")])
    assert done.code == 0, done.err
    assert "Not known: the model was shared from a file" in (tmp_path / "out" / "README.md").read_text()
    assert not (tmp_path / "out" / "result.json").exists()


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("config.json", b"{}", "is not the configuration of a model of avseg"),
        ("model.safetensors", b"short", "empty, truncated or not a weights file"),
    ],
)
def test_a_damaged_folder(folder: Path, tmp_path: Path, file: str, content: bytes, told: str) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in folder.iterdir():
        (copy / path.name).write_bytes(content if path.name == file else path.read_bytes())
    with pytest.raises(UserError, match=told):
        package.load(copy)


def test_the_hub_gives_back_what_was_pushed(
    trained: Command, shelf: Shelf, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, Any] = {}

    def create(_: object, repository: str, **options: object) -> None:
        made.update(options, repository=repository)

    def upload(_: object, *, repo_id: str, folder_path: Path, **__: object) -> None:
        for path in folder_path.iterdir():
            shelf.files[f"{repo_id}/{path.name}"] = path.read_bytes()

    monkeypatch.setattr("huggingface_hub.HfApi.create_repo", create)
    monkeypatch.setattr("huggingface_hub.HfApi.upload_folder", upload)
    done = avseg(["weights", "push", str(trained.run), "--repo", "owner/name", "--private"])
    assert done.code == 0, done.err
    assert done.out.strip() == "https://huggingface.co/owner/name"
    assert made == {"repository": "owner/name", "private": True, "exist_ok": True}
    assert 'avseg.load("hf:owner/name")' in shelf.files["owner/name/README.md"].decode()
    assert json.loads(shelf.files["owner/name/config.json"])["avseg"]["config"]["model"]["name"] == "avs"
    assert np.array_equal(prediction("hf:owner/name"), prediction(trained.run))
    # without a network the copy in the cache is used
    monkeypatch.setattr(socket, "create_connection", _refused)
    assert torch.equal(*(torch.from_numpy(prediction(name)) for name in ("hf:owner/name", trained.run)))


def _refused(*_: object, **__: object) -> None:
    raise OSError("Network is unreachable")


def test_no_network_no_push(trained: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    done = avseg(["weights", "push", str(trained.run), "--repo", "owner/name"])
    assert done.code == 2
    (line,) = done.err.strip().splitlines()
    assert "hf auth login" in line


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--repo", "name"], "write owner/name"),
        ([], "--repo"),
        (["--out", "x", "--private"], "--private"),
    ],
)
def test_mistakes(
    trained: Command, words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = avseg(["weights", "push", str(trained.run), *words])
    assert done.code == 2
    assert told in done.err
