"""Properties of all metrics: batches, order, duplicates and features of torchmetrics do not change a digit."""

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
from tests.metrics import reference

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


def _update(metric: Metric, clip_ids: torch.Tensor, *, numbered: bool = True) -> None:
    logits, target = reference.clips(CLIPS)
    logits, target = logits[clip_ids], target[clip_ids]
    if isinstance(metric, SemanticScore):
        logits = torch.stack([-logits, logits], dim=2)
    metric.update(logits, target, index=clip_ids if numbered else None)


@pytest.fixture(params=MAKERS)
def full(request: pytest.FixtureRequest) -> Metric:
    """A metric with all clips in one batch."""
    metric: Metric = request.param()
    _update(metric, torch.arange(CLIPS))
    return metric


def _fresh(metric: Metric) -> Metric:
    second = metric.clone()
    second.reset()
    return second


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_batches_change_nothing(full: Metric, batch: int) -> None:
    second = _fresh(full)
    for clip_ids in torch.arange(CLIPS).split(batch):
        _update(second, clip_ids)
    assert torch.equal(second.compute(), full.compute())


def test_without_index_the_order_of_arrival_counts(full: Metric) -> None:
    second = _fresh(full)
    for clip_ids in torch.arange(CLIPS).split(4):
        _update(second, clip_ids, numbered=False)
    assert torch.equal(second.compute(), full.compute())


@settings(max_examples=20, deadline=None)
@given(
    order=st.permutations(range(CLIPS)),
    repeated=st.lists(st.integers(0, CLIPS - 1), max_size=5),
    batch=st.integers(1, 4),
)
def test_order_and_duplicates_change_nothing(order: list[int], repeated: list[int], batch: int) -> None:
    for maker in (MaskIoU, FScore):
        first, second = maker(), maker()
        _update(first, torch.arange(CLIPS))
        for clip_ids in torch.tensor(order + repeated).split(batch):
            _update(second, clip_ids)
        assert torch.equal(second.compute(), first.compute())
        assert second.per_clip() == first.per_clip()


def test_forward_returns_the_batch_and_accumulates(full: Metric) -> None:
    logits, target = reference.clips(CLIPS)
    if isinstance(full, SemanticScore):
        logits = torch.stack([-logits, logits], dim=2)
    second, batch = _fresh(full), _fresh(full)
    for clip_ids in torch.arange(CLIPS).split(4):
        value = second(logits[clip_ids], target[clip_ids], index=clip_ids)
        batch.reset()
        _update(batch, clip_ids)
        assert torch.equal(value, batch.compute())
    assert torch.equal(second.compute(), full.compute())


def test_clone_copy_pickle_and_device(full: Metric) -> None:
    for second in (full.clone(), copy.deepcopy(full), pickle.loads(pickle.dumps(full)), full.to("cpu")):  # noqa: S301
        assert torch.equal(second.compute(), full.compute())


def test_reset_forgets(full: Metric) -> None:
    full_score = full.compute()
    full.reset()
    _update(full, torch.tensor([0]))
    assert not torch.equal(full.compute(), full_score)
    full.reset()
    _update(full, torch.arange(CLIPS))
    assert torch.equal(full.compute(), full_score)


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_without_frames() -> None:
    for metric in (MaskIoU(), FScore(), FalsePositiveShare()):
        assert metric.compute().isnan()
        assert metric.per_clip() == {}


def test_clips_of_different_length_and_size() -> None:
    metric = MaskIoU()
    for number, (frames, size) in enumerate([(10, (4, 4)), (5, (8, 6))]):
        logits, target = reference.clips(1, frames, size, seed=number)
        metric.update(logits, target, index=torch.tensor([number]))
    assert list(metric.per_clip()) == [0, 1]
    mean = (10 * metric.per_clip()[0] + 5 * metric.per_clip()[1]) / 15
    assert metric.compute().item() == pytest.approx(mean)


def test_frames_of_concatenated_clips() -> None:
    logits, target = reference.clips(3)
    metric, second = MaskIoU(), MaskIoU()
    metric.update(logits, target, index=torch.tensor([3, 1, 2]))
    second.update(logits.flatten(0, 1), target.flatten(0, 1), index=torch.tensor([3, 1, 2]))
    assert metric.per_clip() == second.per_clip()


def test_unknown_clips_come_after_known_ones_and_are_never_equal() -> None:
    rows = [[-1, 0, 1], [-1, 1, 2], [-1, 0, 1], [5, 0, 3], [-1, -1, 4], [-1, -1, 5], [-1, -1, 6]]
    clips, counts = in_order(torch.tensor(rows), frames_per_video=2)
    assert clips.tolist() == [5, 6, 6, 7, 8, 8, 9]
    assert counts[:, 0].tolist() == [3, 1, 2, 1, 4, 5, 6]


def test_collections_share_tables_only_where_they_are_the_same() -> None:
    collection = MetricCollection(
        {"j": MaskIoU(), "f": FScore(), "f_all": FScore(None), "share": FalsePositiveShare(), "iou": DatasetIoU()}
    )
    logits, target = reference.clips(CLIPS)
    for clip_ids in torch.arange(CLIPS).split(4):
        collection.update(logits[clip_ids], target[clip_ids], index=clip_ids)
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
    """Log the metrics as a training module does."""

    def __init__(self) -> None:
        super().__init__()
        self.j, self.f = MaskIoU(), FScore()

    def validation_step(self, batch: list[torch.Tensor]) -> None:
        for name, metric in (("j", self.j), ("f", self.f)):
            metric.update(batch[0], batch[1], batch[2])
            self.log(name, metric, on_step=False, on_epoch=True)


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_lightning_logs_and_resets(tmp_path: object) -> None:
    logits, target = reference.clips(CLIPS)
    loader = DataLoader(TensorDataset(logits, target, torch.arange(CLIPS)), batch_size=4)
    trainer = pl.Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=str(tmp_path),
    )
    module = _Scores()
    for _ in range(2):
        (logged,) = trainer.validate(module, loader, verbose=False)
        for name, maker in (("j", MaskIoU), ("f", FScore)):
            alone = maker()
            _update(alone, torch.arange(CLIPS))
            assert logged[name] == alone.compute().item()
    assert torch.isnan(module.j.compute())
