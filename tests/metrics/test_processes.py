"""Two processes compute exactly the scores of one; they are started once, for many splits of the clips."""

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from avseg.metrics import DatasetIoU, FalsePositiveShare, FScore, MaskIoU, SemanticScore
from avseg.metrics.frames import FrameMetric
from tests.metrics import reference

CLIPS = 7
# batches of clip indices of each of two processes
SPLITS: dict[str, tuple[list[list[int]], list[list[int]]]] = {
    "distributed sampler, padded with clip 0": ([[0, 2], [4, 6]], [[1, 3], [5, 0]]),
    "odd count, no padding": ([[0, 2], [4, 6]], [[1, 3], [5]]),
    "second process without data": ([[0, 1, 2], [3, 4, 5], [6]], []),
    "first process without data": ([], [[6, 5, 4, 3, 2, 1, 0]]),
    "everything twice": ([[0, 1, 2, 3, 4, 5, 6]], [[6], [5], [4], [3], [2], [1], [0]]),
}


def _metrics() -> dict[str, FrameMetric]:
    return {
        "j": MaskIoU(),
        "f": FScore(videos_per_group=2),
        "f_all": FScore(videos_per_group=None),
        "dataset": DatasetIoU(),
        "share": FalsePositiveShare(),
        "semantic": SemanticScore(num_classes=2),
    }


def _scores(batches: list[list[int]]) -> dict[str, object]:
    logits, target = reference.clips(CLIPS)
    scores: dict[str, object] = {}
    for name, metric in _metrics().items():
        for batch in batches:
            z = torch.stack([-logits[batch], logits[batch]], dim=2) if name == "semantic" else logits[batch]
            metric.update(z, target[batch], index=torch.tensor(batch))
        for _ in range(2):  # computing twice must not gather twice
            scores[name] = metric.compute().item()
        if isinstance(metric, MaskIoU | FScore | FalsePositiveShare):
            scores[f"{name} per clip"] = metric.per_clip()
        if isinstance(metric, DatasetIoU | SemanticScore):
            scores[f"{name} per class"] = metric.per_class().tolist()
    return scores


def _work(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    try:
        results = {name: _scores(split[rank]) for name, split in SPLITS.items()}
        results["no data at all"] = _without_data()
        torch.save(results, folder / f"{rank}.pt")
    finally:
        dist.destroy_process_group()


def _without_data() -> dict[str, object]:
    metric = MaskIoU()
    return {"nan": bool(metric.compute().isnan()), "per clip": metric.per_clip()}


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_two_processes_compute_the_scores_of_one(tmp_path: Path) -> None:
    # forked, as a DataLoader's workers are: importing torch and torchmetrics again takes 10 s and more
    mp.start_processes(_work, args=(tmp_path,), nprocs=2, start_method="fork")
    expected = _scores([list(range(CLIPS))])
    for rank in range(2):
        results = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert results.pop("no data at all") == {"nan": True, "per clip": {}}
        assert results == dict.fromkeys(SPLITS, expected)
