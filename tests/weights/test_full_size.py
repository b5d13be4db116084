"""Full-size files in the official format, with seeded weights: fetched, used in every verb, and written back."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from avseg.models.aavs import AAVS
from avseg.models.aavs.weights import to_official
from avseg.weights.registry import published
from tests.data.fake import make_ms3
from tests.golden_recipe import fill_official
from tests.media.make_video import make_video
from tests.models.aavs.official import official_weights
from tests.runs_for_tests import avseg
from tests.weights.server import Shelf

SEED = 31


# the older file of AVSegFormer, at 224 pixels: at 512 the evaluation of one clip takes 5 to 10 times as long
def avsegformer_file() -> Mapping[str, Tensor]:
    return fill_official(published()["avsegformer_r50_ms3_paper"].shapes(), SEED)


def aavs_file() -> Mapping[str, Tensor]:
    return official_weights("binary", to_official(AAVS()))


@pytest.fixture
def seeded_vggish(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """VGGish with seeded weights on the server, in place of the file with the published checksum."""
    record = published()["vggish"]
    monkeypatch.setitem(published(), "vggish", replace(record, sha256=""))  # type: ignore[arg-type]
    torch.save(fill_official(record.shapes(), SEED), tmp_path / "vggish.pth")
    shelf.files[record.source.removeprefix("https://github.com/")] = (tmp_path / "vggish.pth").read_bytes()


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("name", "make_file"), [("avsegformer_r50_ms3_paper", avsegformer_file), ("aavs_ms3", aavs_file)]
)
def test_fetch_predict_evaluate_and_convert_back(
    name: str,
    make_file: Callable[[], Mapping[str, Tensor]],
    shelf: Shelf,
    seeded_vggish: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    official = make_file()
    torch.save(dict(official), "served.pth")
    shelf.files[published()[name].source.replace(":", "/")] = Path("served.pth").read_bytes()
    video = make_video(Path("video.mp4"), frames=10, rate=5, size=(48, 64))  # 2 s
    make_ms3(Path("toy_ms3"), {"train": 1, "val": 1, "test": 1})
    words = {
        "fetch": ["weights", "fetch", name],
        "predict": ["predict", str(video), "--model", name, "--out", "predictions"],
        "evaluate": ["evaluate", f"checkpoint={name}", "root=toy_ms3", "trainer=cpu", "out=evaluation"],
        "convert": ["convert", name, "--out", "ours.ckpt"],
        "convert back": ["convert", "ours.ckpt", "--out", "back.pth"],
    }
    seconds = {}
    for verb, command in words.items():
        start = time.monotonic()
        done = avseg(command)
        seconds[verb] = round(time.monotonic() - start)
        assert done.code == 0, done.err
    with capsys.disabled():
        print(f"\n{name}: seconds by verb {seconds}")
    assert len(list(Path("predictions/video/masks").iterdir())) == 2
    result = json.loads(Path("evaluation/result.json").read_text())
    assert result["clips"] == 1
    assert list(result["scores"]) == ["own", "silence", "noise", "shuffled"]
    back = torch.load("back.pth", weights_only=True)
    assert back.keys() == official.keys()
    assert all(torch.equal(back[key], official[key]) for key in official)
