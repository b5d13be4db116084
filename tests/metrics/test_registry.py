"""A metric of another package: registered once, it is in every table, csv file and dashboard."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torchmetrics import Metric

from avseg.cli.scores_table import scores_table
from avseg.data.clip import Clip
from avseg.metrics.registry import METRICS, metric_info, register_metric, select_metrics
from avseg.models.scores import Scores
from avseg.training.wandb_workspace import build_workspace, workspace_json
from avseg.utils.errors import UserError


class LoudPixels(Metric):
    """Pixels with a positive logit, counted over the split; `per_clip` counts per clip."""

    def __init__(self) -> None:
        super().__init__()
        self.add_state("pixels", default=torch.tensor(0), dist_reduce_fx="sum")
        self.clips: dict[int, float] = {}

    def update(self, logits: Tensor, masks: Tensor, index: Tensor | None = None) -> None:
        assert logits.shape == masks.shape
        self.pixels += (logits > 0).sum()
        if index is not None and len(index) == len(logits):
            for clip, clip_logits in zip(index.tolist(), logits, strict=True):
                self.clips[clip] = float((clip_logits > 0).sum())

    def compute(self) -> Tensor:
        return self.pixels

    def per_clip(self) -> dict[int, float]:
        return self.clips


@pytest.fixture
def loud_pixels() -> Iterator[str]:
    register_metric("loud_pixels", "loud pixels", lambda settings: LoudPixels(), unit="pixels", per_clip=True)
    yield "loud_pixels"
    del METRICS["loud_pixels"]


def some_clip() -> Clip:
    return Clip(
        torch.zeros(2, 5, 3, 4, 4, dtype=torch.uint8),
        torch.zeros(2, 5, 128),
        torch.ones(2, 5, 4, 4, dtype=torch.uint8),
        annotated=torch.ones(2, 5, dtype=torch.bool),
        valid=torch.ones(2, 5, dtype=torch.bool),
        index=torch.tensor([3, 8]),
        video_id=["a", "b"],
        category=["", ""],
        controls={},
    )


def test_built_in_scores_keep_their_order():
    scores = Scores()
    scores.update(torch.randn(2, 5, 1, 4, 4), some_clip())
    assert list(scores.compute()) == ["miou", "frame_miou", "fscore", "dataset_iou", "dataset_fscore", "marked"]
    assert list(scores.per_clip()[3]) == ["miou", "fscore", "marked"]
    scores = Scores(num_classes=3, frames_per_video=5)
    scores.update(torch.randn(2, 5, 3, 4, 4), some_clip())
    assert list(scores.compute()) == ["miou", "fscore", "marked"]
    assert list(scores.per_clip()[8]) == ["marked"]


def test_a_registered_metric_follows_the_built_in_ones(loud_pixels):
    scores = Scores()
    scores.update(torch.ones(2, 5, 1, 4, 4), some_clip())
    assert list(scores.compute())[-2:] == ["marked", loud_pixels]
    assert scores.compute()[loud_pixels] == 160
    assert [row[loud_pixels] for row in scores.per_clip().values()] == [80, 80]
    assert metric_info(loud_pixels).heading == "loud pixels (pixels)"


def test_a_registered_metric_is_printed_with_its_title_and_unit(loud_pixels):
    scores = {"own": {"miou": 0.5, loud_pixels: 160.0}, "noise": {"miou": 0.25, "g_miou": 0.6}}
    table = scores_table({"split": "test", "clips": 2, "scores": scores})
    assert [column.header for column in table.columns][1:] == ["J (mIoU)", "loud pixels (pixels)", "G-mIoU"]
    assert [list(column.cells) for column in table.columns][2] == ["160.00", ""]


def test_a_score_of_a_plugin_that_is_not_loaded_is_titled_by_its_key():
    table = scores_table({"split": "test", "clips": 2, "scores": {"own": {"miou": 0.5, "boundary_f": 0.25}}})
    assert [column.header for column in table.columns][1:] == ["J (mIoU)", "boundary_f"]


@pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20")
def test_a_registered_metric_has_panels_in_the_workspace(loud_pixels):
    pytest.importorskip("wandb_workspaces", reason="wandb-workspaces is not installed")
    text = workspace_json(build_workspace("avseg"))
    assert "test/loud_pixels" in text
    assert "val/loud_pixels" in text


def test_a_run_may_select_registered_metrics(loud_pixels):
    assert loud_pixels in Scores(registered=[loud_pixels]).metrics
    assert loud_pixels not in Scores(registered=[]).metrics
    assert select_metrics()[-1] == METRICS[loud_pixels]


def test_an_unknown_metric_names_the_nearest(loud_pixels):
    with pytest.raises(UserError, match=r"metrics: 'loud_pixel' is not registered; did you mean 'loud_pixels'\?"):
        select_metrics(["loud_pixel"])


def test_a_key_belongs_to_one_metric(loud_pixels):
    with pytest.raises(UserError, match="'miou' is already registered as 'J \\(mIoU\\)'; choose another key"):
        register_metric("miou", "mine", lambda settings: LoudPixels())
    with pytest.raises(UserError, match="a key is letters"):
        register_metric("loud/pixels", "mine", lambda settings: LoudPixels())
    info = register_metric(loud_pixels, "loud pixels", lambda settings: LoudPixels())  # the module is imported again
    assert METRICS[loud_pixels] == info


def test_titles_are_read_without_torch():
    code = "import sys, avseg.metrics.registry; assert not {'torch', 'torchmetrics', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
