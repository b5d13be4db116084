import pytest
import torch

from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.clip import collate_clips
from avseg.metrics import mask_iou
from avseg.models.scores import Scores
from tests.data.fake import make_s4


def test_frames_without_a_label_are_not_scored(tmp_path):
    """Of S4's training clips only the first frame carries a mask; the others would count as silent."""
    make_s4(tmp_path)
    dataset = AVSBenchDataset(tmp_path, "s4", "train", image_size=32)
    batch = collate_clips([dataset[place] for place in range(3)])
    logits = torch.randn(3, 5, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    scores = Scores()
    scores.update(logits, batch)
    expected = mask_iou(logits[:, 0, 0], batch.masks[:, 0])
    assert scores.compute()["miou"] == pytest.approx(float(expected.mean()), abs=1e-6)
    rows = [row["miou"] for row in scores.per_clip().values()]
    assert rows == pytest.approx(expected.tolist(), abs=1e-6)
