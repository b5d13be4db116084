"""A model of 71 classes: masks in the release's colours, names with probabilities per second, labels and a legend."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from avseg.data.avsbench.avss_names import AVSS_NAMES
from avseg.data.palette import class_indices
from avseg.draw.legend import draw_legend
from avseg.draw.semantic import SemanticFrame
from avseg.media.video import Video, probe
from avseg.prediction.semantic_predictor import SemanticPredictor
from avseg.prediction.semantic_results import class_map
from avseg.prediction.writer import write_prediction
from tests.media.make_video import make_video, tone
from tests.prediction.fake_model import FakeModel

DOG, WOMAN = AVSS_NAMES.index("dog"), AVSS_NAMES.index("woman")


class SemanticModel(FakeModel):
    """A dog (0.7) on the left half and a woman (0.6) in the right upper quarter while the sound is loud."""

    num_classes = 71
    class_names = AVSS_NAMES

    def predict_classes(self, frames: Tensor, sound: Tensor) -> Tensor:
        loud = self.predict_batch(frames, sound)[..., 0, 0] > 0.5  # (B, T)
        size = self.image_size
        maps = torch.zeros(*loud.shape, 71, size, size)
        maps[:, :, 0] = 0.8
        maps[:, :, 1:] = 0.2 / 70
        for label, rows, columns, probability in (
            (DOG, slice(None), slice(size // 2), 0.7),
            (WOMAN, slice(size // 2), slice(size // 2, None), 0.6),
        ):
            region = torch.zeros(size, size, dtype=torch.bool)
            region[rows, columns] = True
            chosen = loud[..., None, None] & region  # (B, T, h, w)
            maps[:, :, label][chosen] = probability
            maps[:, :, 0][chosen] = 1 - probability
        return maps


@pytest.fixture
def video(tmp_path: Path) -> Video:
    """4 s of which the second and the third are loud."""
    second = tone(1.0, 16000, 1)
    wave = np.concatenate([second * (number in (1, 2)) for number in range(4)], axis=1)
    return probe(make_video(tmp_path / "v.mov", frames=40, rate=10, sound="pcm_s16le", waveform=wave))


def test_files(video: Video, tmp_path: Path) -> None:
    summary = write_prediction(SemanticPredictor(SemanticModel(clip_length=2)), video, tmp_path / "out")  # type: ignore[arg-type]
    assert (summary["seconds"], summary["sounding"]) == (4, 2)
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert scores["classes"] == list(AVSS_NAMES)
    assert "threshold" not in scores
    rows = scores["seconds"]
    assert [list(row["classes"]) for row in rows] == [[], ["dog", "woman"], ["dog", "woman"], []]
    assert rows[1]["classes"]["dog"] == {"probability": pytest.approx(0.7, abs=0.02), "share": pytest.approx(0.5)}
    assert rows[2]["classes"]["woman"]["probability"] == pytest.approx(0.6, abs=0.02)
    for second, labels in enumerate([[0], [0, DOG, WOMAN], [0, DOG, WOMAN], [0]]):
        with Image.open(tmp_path / "out" / "masks" / f"{second:06d}.png") as image:
            assert (image.mode, image.size) == ("RGB", (video.width, video.height))
            indices = class_indices(np.asarray(image), stray="error")
        assert np.unique(indices).tolist() == labels
        assert (indices[:, : video.width // 2] == labels[min(1, len(labels) - 1)]).all()
    assert (tmp_path / "out" / "legend.png").is_file()
    assert probe(tmp_path / "out" / "overlay.mp4").seconds == 4


def test_every_frame(video: Video, tmp_path: Path) -> None:
    predictor = SemanticPredictor(SemanticModel(clip_length=2), every_frame=True)  # type: ignore[arg-type]
    write_prediction(predictor, video, tmp_path / "out")
    assert len(list((tmp_path / "out" / "masks").iterdir())) == 40
    rows = json.loads((tmp_path / "out" / "scores.json").read_text())["seconds"]
    assert [len(row["classes"]) for row in rows] == [0, 2, 2, 0]
    assert len(rows[1]["frames"]) == 10


def test_the_most_probable_class_at_the_size_of_the_video() -> None:
    generator = torch.Generator().manual_seed(0)
    probabilities = torch.rand(4, 6, 5, generator=generator).softmax(0)
    resized = torch.nn.functional.interpolate(probabilities[None], (30, 40), mode="bilinear")[0]
    labels, best = class_map({label: probabilities[label].numpy() for label in range(4)}, (30, 40))
    assert np.array_equal(labels, resized.argmax(0).numpy())
    np.testing.assert_allclose(best, resized.amax(0).numpy(), rtol=1e-6)


def test_each_object_has_its_name() -> None:
    labels = np.zeros((120, 160), np.uint8)
    labels[10:40, 10:40] = labels[60:100, 100:150] = 5
    labels[2, 2] = 5  # too small for a name of its own
    frame = SemanticFrame(labels, {5: "baby"}, {5: (128, 0, 128)}, {5: 0.75})
    assert len(frame.marked.marks) == 2
    assert len(frame.legend) == 1
    union = np.any([mark.mask for mark in frame.marked.marks], axis=0)
    assert np.array_equal(union, labels == 5)
    image = np.full((120, 160, 3), 200, np.uint8)
    marked = frame.on(image)
    assert (image == 200).all()
    assert (marked[-3, 1] == (128, 0, 128)).all()  # the legend in the corner
    assert draw_legend([]).ndim == 3
