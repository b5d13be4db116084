"""What `LongVideoScore` keeps: little, the same in two processes, and through every detour of torchmetrics."""

import copy
import pickle
import random
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torchmetrics import MetricCollection

from avseg.metrics import LongVideoScore, span_metric
from tests.metrics import long_video_cases as cases
from tests.metrics import plain_long_video as plain

pytestmark = pytest.mark.filterwarnings("ignore:The ``compute`` method")
PROCESS_CASES = 40


def _told(region: str = "mask", **options: Any) -> tuple[LongVideoScore, list[cases.Call]]:
    draw = random.Random(11)
    o = plain.Options(region, **options)
    told = cases.calls(draw, cases.videos(draw, region, count=9), o)
    return cases.tell(cases.metric(o), told), told


def _same(one: LongVideoScore, other: LongVideoScore) -> bool:
    return str(one.compute()) == str(other.compute()) and str(one.per_video()) == str(other.per_video())


def _split(draw: random.Random, told: list[cases.Call], by_video: bool) -> tuple[list[cases.Call], list[cases.Call]]:
    """What each of two processes sees: whole videos, or any calls; sometimes one sees nothing."""
    mine = draw.choice([0.0, 0.3, 0.5, 0.7])
    videos = {given["video"]: draw.random() < mine for _, given in told}
    first = [videos[given["video"]] if by_video else draw.random() < mine for _, given in told]
    return ([c for c, f in zip(told, first, strict=True) if f], [c for c, f in zip(told, first, strict=True) if not f])


def _case(seed: int) -> tuple[random.Random, plain.Options, list[cases.Call]]:
    draw = random.Random(seed)
    o = cases.options(draw, draw.choice(["mask", "box", "none"]))
    return draw, o, cases.calls(draw, cases.videos(draw, o.region, count=4), o)


def _work(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    try:
        results = []
        for seed in range(PROCESS_CASES):
            draw, o, told = _case(seed)
            score = cases.tell(cases.metric(o), _split(draw, told, by_video=seed % 2 == 0)[rank])
            results.append([str(score.compute()), str(score.per_video()), str(score.compute())])
        score = LongVideoScore("none")
        score.update("a", 0, [5], predicted=torch.ones(1).bool())
        with pytest.raises(ValueError, match="frame 5 of video 'a' was given twice for class 0"):
            score.compute()
        torch.save(results, folder / f"{rank}.pt")
    finally:
        dist.destroy_process_group()


def test_two_processes_give_the_digits_of_one(tmp_path: Path) -> None:
    # forked, as in test_processes
    mp.start_processes(_work, args=(tmp_path,), nprocs=2, start_method="fork")
    expected = []
    for seed in range(PROCESS_CASES):
        _, o, told = _case(seed)
        score = cases.tell(cases.metric(o), told)
        expected.append([str(score.compute()), str(score.per_video()), str(score.compute())])
    for rank in range(2):
        assert torch.load(tmp_path / f"{rank}.pt", weights_only=True) == expected


@pytest.mark.parametrize("pending", [0, 3])
def test_joining_the_table_early_changes_nothing(pending: int, monkeypatch: pytest.MonkeyPatch) -> None:
    late, told = _told(unit="segment")
    monkeypatch.setattr(span_metric, "_PENDING", pending)
    early = cases.tell(LongVideoScore(unit="segment", auxiliary=True), told)
    assert _same(early, late)
    assert len(early.rows) < len(told) < len(late.rows)


def test_memory_grows_with_spans_not_with_frames_or_pixels() -> None:
    sizes = []
    for size, seconds in ((4, 10), (64, 300)):
        score = LongVideoScore()
        masks = torch.ones(30, size, size).bool()
        for second in torch.randperm(seconds, generator=torch.Generator().manual_seed(0)).tolist():
            frames = torch.arange(30) + 30 * second
            score.update("a", 0, frames, predicted=masks, target=masks if second % 10 < 5 else ~masks)
        sizes.append((len(score._tables()[0]), sum(map(len, score.rows)) < 400))
    assert sizes == [(2, True), (60, True)]


def test_copies() -> None:
    score, _ = _told()
    for other in (score.clone(), copy.deepcopy(score), pickle.loads(pickle.dumps(score)), score.to("cpu")):  # noqa: S301
        assert _same(other, score)
    score.persistent(True)
    other = LongVideoScore(auxiliary=True)
    other.persistent(True)
    other.load_state_dict(score.state_dict())
    assert _same(other, score)


def test_reset_and_forward() -> None:
    score, told = _told()
    other = score.clone()
    other.reset()
    assert all(value.isnan() for value in other.compute().values())
    assert other.per_video() == {}
    batch = other.clone()
    for method, given in told:
        if method == "update":
            value = other(**given)
            batch.reset()
            batch.update(**given)
            assert str(value) == str(batch.compute())
        else:
            other.update_classes(**given)
    assert _same(other, score)


def test_collections_share_tables_only_where_they_are_the_same() -> None:
    collection = MetricCollection(
        {
            "zero": LongVideoScore(),
            "ignore": LongVideoScore(fp_policy="ignore", unit="video", empty_video="one"),
            "beta": LongVideoScore(beta2=1.0),
            "segment": LongVideoScore(unit="segment"),
            "gate": LongVideoScore(gate_only_counts=True),
        }
    )
    masks = torch.ones(2, 1, 1).bool()
    for frames in ([0, 1], [2, 3]):
        collection.update(video="a", label=1, frames=frames, predicted=masks, target=masks, segments=[(0, 4)])
    groups = sorted(sorted(group) for group in collection.compute_groups.values())
    assert groups == [["beta"], ["gate"], ["ignore", "zero"], ["segment"]]
    assert all(value == 1 for value in collection.compute().values())


def test_a_frame_given_twice_is_refused() -> None:
    masks = torch.ones(3, 2, 2).bool()
    score = LongVideoScore()
    with pytest.raises(ValueError, match="frame 4 of video 'a' was given twice for class 3"):
        score.update("a", 3, [4, 5, 4], predicted=masks, target=masks)
    score.update("a", 3, [4, 5, 6], predicted=masks, target=masks)
    score.update("b", 3, [4, 5, 6], predicted=masks, target=masks)
    score.update("a", 2, [4, 5, 6], predicted=masks, target=masks)
    score.update("a", frames=[4, 5, 6])
    score.update("a", frames=[4, 5, 6])
    assert score.compute()["m_tIoU"] == 1
    score.update("a", 3, [1, 2, 5], predicted=masks, target=masks)
    with pytest.raises(ValueError, match="frame 5 of video 'a' was given twice for class 3"):
        score.compute()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu() -> None:
    score, told = _told()
    other = LongVideoScore(auxiliary=True).to("cuda")
    for method, given in told:
        moved = {key: value.cuda() if isinstance(value, torch.Tensor) else value for key, value in given.items()}
        getattr(other, method)(**(moved if method == "update" else given))
    assert str(other.per_video()) == str(score.per_video())
    assert other.compute()["m_tIoU"].is_cuda
