"""What all metrics promise: no batch, order, duplicate or detour through torchmetrics changes a digit."""

import copy
import pickle
from collections.abc import Callable

import pytest
import pytorch_lightning as pl
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics import Metric, MetricCollection

from avseg.metrics import DatasetFScore, DatasetIoU, FalsePositiveShare, FScore, MaskIoU, SemanticScore
from avseg.metrics.frames import in_order
from tests.metrics import plain

CLIPS = 11
MAKERS: list[Callable[[], Metric]] = [
    MaskIoU,
    FScore,
    lambda: FScore(videos_per_group=None),
    DatasetIoU,
    DatasetFScore,
    FalsePositiveShare,
    lambda: SemanticScore("f_score", num_classes=2),
]


def _update(metric: Metric, chosen: torch.Tensor, *, numbered: bool = True) -> None:
    logits, target = plain.clips(CLIPS)
    logits, target = logits[chosen], target[chosen]
    if isinstance(metric, SemanticScore):
        logits = torch.stack([-logits, logits], dim=2)
    metric.update(logits, target, index=chosen if numbered else None)


@pytest.fixture(params=MAKERS)
def whole(request: pytest.FixtureRequest) -> Metric:
    """A metric that saw all clips in one batch."""
    metric: Metric = request.param()
    _update(metric, torch.arange(CLIPS))
    return metric


def _fresh(metric: Metric) -> Metric:
    other = metric.clone()
    other.reset()
    return other


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_batches_change_nothing(whole: Metric, batch: int) -> None:
    other = _fresh(whole)
    for chosen in torch.arange(CLIPS).split(batch):
        _update(other, chosen)
    assert torch.equal(other.compute(), whole.compute())


def test_without_index_the_order_of_arrival_counts(whole: Metric) -> None:
    other = _fresh(whole)
    for chosen in torch.arange(CLIPS).split(4):
        _update(other, chosen, numbered=False)
    assert torch.equal(other.compute(), whole.compute())


@settings(max_examples=20, deadline=None)
@given(
    order=st.permutations(range(CLIPS)), again=st.lists(st.integers(0, CLIPS - 1), max_size=5), batch=st.integers(1, 4)
)
def test_order_and_duplicates_change_nothing(order: list[int], again: list[int], batch: int) -> None:
    for maker in (MaskIoU, FScore):
        one, other = maker(), maker()
        _update(one, torch.arange(CLIPS))
        for chosen in torch.tensor(order + again).split(batch):
            _update(other, chosen)
        assert torch.equal(other.compute(), one.compute())
        assert other.per_clip() == one.per_clip()


def test_forward_gives_the_batch_and_keeps_the_whole(whole: Metric) -> None:
    logits, target = plain.clips(CLIPS)
    if isinstance(whole, SemanticScore):
        logits = torch.stack([-logits, logits], dim=2)
    other, batch = _fresh(whole), _fresh(whole)
    for chosen in torch.arange(CLIPS).split(4):
        value = other(logits[chosen], target[chosen], index=chosen)
        batch.reset()
        _update(batch, chosen)
        assert torch.equal(value, batch.compute())
    assert torch.equal(other.compute(), whole.compute())


def test_clone_copy_pickle_and_device(whole: Metric) -> None:
    for other in (whole.clone(), copy.deepcopy(whole), pickle.loads(pickle.dumps(whole)), whole.to("cpu")):  # noqa: S301
        assert torch.equal(other.compute(), whole.compute())


def test_reset_forgets(whole: Metric) -> None:
    before = whole.compute()
    whole.reset()
    _update(whole, torch.tensor([0]))
    assert not torch.equal(whole.compute(), before)
    whole.reset()
    _update(whole, torch.arange(CLIPS))
    assert torch.equal(whole.compute(), before)


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_nothing_seen() -> None:
    for metric in (MaskIoU(), FScore(), FalsePositiveShare()):
        assert metric.compute().isnan()
        assert metric.per_clip() == {}


def test_clips_of_different_length_and_size() -> None:
    metric = MaskIoU()
    for number, (frames, size) in enumerate([(10, (4, 4)), (5, (8, 6))]):
        logits, target = plain.clips(1, frames, size, seed=number)
        metric.update(logits, target, index=torch.tensor([number]))
    assert list(metric.per_clip()) == [0, 1]
    mean = (10 * metric.per_clip()[0] + 5 * metric.per_clip()[1]) / 15
    assert metric.compute().item() == pytest.approx(mean)


def test_frames_of_clips_laid_end_to_end() -> None:
    logits, target = plain.clips(3)
    metric, other = MaskIoU(), MaskIoU()
    metric.update(logits, target, index=torch.tensor([3, 1, 2]))
    other.update(logits.flatten(0, 1), target.flatten(0, 1), index=torch.tensor([3, 1, 2]))
    assert metric.per_clip() == other.per_clip()


def test_unknown_clips_come_after_known_ones_and_are_never_equal() -> None:
    rows = [[-1, 0, 1], [-1, 1, 2], [-1, 0, 1], [5, 0, 3], [-1, -1, 4], [-1, -1, 5], [-1, -1, 6]]
    clips, counts = in_order(torch.tensor(rows), frames_per_video=2)
    assert clips.tolist() == [5, 6, 6, 7, 8, 8, 9]
    assert counts[:, 0].tolist() == [3, 1, 2, 1, 4, 5, 6]


def test_collections_share_tables_only_where_they_are_the_same() -> None:
    collection = MetricCollection(
        {"j": MaskIoU(), "f": FScore(), "f_all": FScore(None), "share": FalsePositiveShare(), "iou": DatasetIoU()}
    )
    logits, target = plain.clips(CLIPS)
    for chosen in torch.arange(CLIPS).split(4):
        collection.update(logits[chosen], target[chosen], index=chosen)
    assert sorted(sorted(group) for group in collection.compute_groups.values()) == [
        ["f", "f_all"],
        ["iou"],
        ["j"],
        ["share"],
    ]
    for name, maker in (("j", MaskIoU), ("f", FScore), ("share", FalsePositiveShare), ("iou", DatasetIoU)):
        alone = maker()
        _update(alone, torch.arange(CLIPS))
        assert torch.equal(collection.compute()[name], alone.compute())


class _Scores(pl.LightningModule):
    """Logs the metrics as a task does."""

    def __init__(self) -> None:
        super().__init__()
        self.j, self.f = MaskIoU(), FScore()

    def validation_step(self, batch: list[torch.Tensor]) -> None:
        for name, metric in (("j", self.j), ("f", self.f)):
            metric.update(batch[0], batch[1], batch[2])
            self.log(name, metric, on_step=False, on_epoch=True)


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_lightning_logs_and_resets(tmp_path: object) -> None:
    logits, target = plain.clips(CLIPS)
    loader = DataLoader(TensorDataset(logits, target, torch.arange(CLIPS)), batch_size=4)
    trainer = pl.Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=str(tmp_path),
    )
    task = _Scores()
    for _ in range(2):
        (logged,) = trainer.validate(task, loader, verbose=False)
        for name, maker in (("j", MaskIoU), ("f", FScore)):
            alone = maker()
            _update(alone, torch.arange(CLIPS))
            assert logged[name] == alone.compute().item()
    assert torch.isnan(task.j.compute())
