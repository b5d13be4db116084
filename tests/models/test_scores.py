import pytest
import torch

from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.clip import collate_clips
from avseg.metrics import mask_iou
from avseg.models.base import unlabelled_clip
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


def test_masks_of_another_size_are_compared_at_their_size():
    """Logits of 8 pixels, constant in blocks of two, against masks of 4: the same scores as at 4."""
    coarse = torch.randn(2, 5, 1, 4, 4)
    clip = unlabelled_clip(torch.zeros(2, 5, 3, 8, 8, dtype=torch.uint8), torch.zeros(2, 5, 1))
    clip.masks = torch.randint(0, 2, (2, 5, 4, 4), dtype=torch.uint8)
    clip.annotated = torch.ones(2, 5, dtype=torch.bool)
    scores = []
    for logits in (coarse, coarse.repeat_interleave(2, -1).repeat_interleave(2, -2)):
        both = Scores()
        both.update(logits, clip)
        scores.append(both.compute())
    assert scores[0] == scores[1]
