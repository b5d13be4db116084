"""The state of `LongVideoScore`: small, the same in two processes, and kept by every feature of torchmetrics."""

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
from tests.metrics import reference_long_video as reference

pytestmark = pytest.mark.filterwarnings("ignore:The ``compute`` method")
PROCESS_CASES = 40


def _fed(region: str = "mask", **options: Any) -> tuple[LongVideoScore, list[cases.Call]]:
    draw = random.Random(11)
    o = reference.Options(region, **options)
    video_calls = cases.calls(draw, cases.videos(draw, region, count=9), o)
    return cases.feed(cases.metric(o), video_calls), video_calls


def _same(first: LongVideoScore, second: LongVideoScore) -> bool:
    return str(first.compute()) == str(second.compute()) and str(first.per_video()) == str(second.per_video())


def _split(
    draw: random.Random, video_calls: list[cases.Call], by_video: bool
) -> tuple[list[cases.Call], list[cases.Call]]:
    """Split calls over two processes: by video, or any calls; sometimes one process has no data."""
    share = draw.choice([0.0, 0.3, 0.5, 0.7])
    videos = {arguments["video"]: draw.random() < share for _, arguments in video_calls}
    parts: tuple[list[cases.Call], list[cases.Call]] = ([], [])
    for call in video_calls:
        to_first = videos[call[1]["video"]] if by_video else draw.random() < share
        parts[0 if to_first else 1].append(call)
    return parts


def _case(seed: int) -> tuple[random.Random, reference.Options, list[cases.Call]]:
    draw = random.Random(seed)
    o = cases.options(draw, draw.choice(["mask", "box", "none"]))
    return draw, o, cases.calls(draw, cases.videos(draw, o.region, count=4), o)


def _work(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    try:
        results = []
        for seed in range(PROCESS_CASES):
            draw, o, video_calls = _case(seed)
            score = cases.feed(cases.metric(o), _split(draw, video_calls, by_video=seed % 2 == 0)[rank])
            results.append([str(score.compute()), str(score.per_video()), str(score.compute())])
        score = LongVideoScore("none")
        score.update("a", 0, [5], predicted=torch.ones(1).bool())
        with pytest.raises(ValueError, match="frame 5 of video 'a' was given twice for class 0"):
            score.compute()
        torch.save(results, folder / f"{rank}.pt")
    finally:
        dist.destroy_process_group()


def test_two_processes_compute_the_scores_of_one(tmp_path: Path) -> None:
    # forked, as in test_processes
    mp.start_processes(_work, args=(tmp_path,), nprocs=2, start_method="fork")
    expected = []
    for seed in range(PROCESS_CASES):
        _, o, video_calls = _case(seed)
        score = cases.feed(cases.metric(o), video_calls)
        expected.append([str(score.compute()), str(score.per_video()), str(score.compute())])
    for rank in range(2):
        assert torch.load(tmp_path / f"{rank}.pt", weights_only=True) == expected


@pytest.mark.parametrize("pending", [0, 3])
def test_joining_the_table_early_changes_nothing(pending: int, monkeypatch: pytest.MonkeyPatch) -> None:
    late, video_calls = _fed(unit="segment")
    monkeypatch.setattr(span_metric, "_PENDING", pending)
    early = cases.feed(LongVideoScore(unit="segment", auxiliary=True), video_calls)
    assert _same(early, late)
    assert len(early.rows) < len(video_calls) < len(late.rows)


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
    score, _ = _fed()
    for second in (score.clone(), copy.deepcopy(score), pickle.loads(pickle.dumps(score)), score.to("cpu")):  # noqa: S301
        assert _same(second, score)
    score.persistent(True)
    second = LongVideoScore(auxiliary=True)
    second.persistent(True)
    second.load_state_dict(score.state_dict())
    assert _same(second, score)


def test_reset_and_forward() -> None:
    score, video_calls = _fed()
    second = score.clone()
    second.reset()
    assert all(value.isnan() for value in second.compute().values())
    assert second.per_video() == {}
    batch = second.clone()
    for method, arguments in video_calls:
        if method == "update":
            value = second(**arguments)
            batch.reset()
            batch.update(**arguments)
            assert str(value) == str(batch.compute())
        else:
            second.update_classes(**arguments)
    assert _same(second, score)


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


def test_repeated_frames_are_refused() -> None:
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
    score, video_calls = _fed()
    second = LongVideoScore(auxiliary=True).to("cuda")
    for method, arguments in video_calls:
        moved = {key: value.cuda() if isinstance(value, torch.Tensor) else value for key, value in arguments.items()}
        getattr(second, method)(**(moved if method == "update" else arguments))
    assert str(second.per_video()) == str(score.per_video())
    assert second.compute()["m_tIoU"].is_cuda
