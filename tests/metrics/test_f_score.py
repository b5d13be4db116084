import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.metrics import FScore, fscore, fscore_curve
from avseg.metrics.f_score import THRESHOLDS, _histograms, count_thresholds
from avseg.utils.errors import UserError
from tests.golden_recipe import arr, blob_masks, golden
from tests.metrics import reference


def _official() -> tuple[torch.Tensor, torch.Tensor]:
    target = blob_masks(10, 56, 72, 2)
    return arr("metric_logits", (10, 56, 72), 2) + 2 * (target - 0.5), target


def test_golden() -> None:
    expected = golden()["metric_fscore"].item()
    assert fscore(*_official()).item() == pytest.approx(expected, rel=1e-5)
    for metric in (FScore(), FScore(videos_per_group=None), FScore(2)):
        metric.update(*_official())
        assert metric.compute().item() == pytest.approx(expected, rel=1e-5)


def test_thresholds_are_the_official_ones() -> None:
    assert torch.equal(THRESHOLDS, torch.linspace(0, 1 - 1e-10, 255))
    assert THRESHOLDS.dtype == torch.float32
    assert THRESHOLDS[-1] == 1


def _around(values: torch.Tensor, steps: int) -> torch.Tensor:
    """Return the values and their nearest float32 neighbours on both sides, within [0, 1]."""
    values_around = [values]
    for direction in (-1.0, 2.0):
        neighbour = values
        for _ in range(steps):
            neighbour = torch.nextafter(neighbour, torch.tensor(direction))
            values_around.append(neighbour)
    return torch.cat(values_around).clamp(0, 1)


def test_counting_thresholds_is_exact() -> None:
    # the count changes only at a threshold, the guess only at a multiple of 1/253.999: look close to both
    guesses = (torch.arange(255).double() / 253.999).float()
    scores = torch.cat([_around(THRESHOLDS, 40), _around(guesses, 40), torch.rand(200_000)])
    expected = torch.bucketize(scores, THRESHOLDS, right=True)
    assert torch.equal(count_thresholds(scores).long(), expected)


def test_not_a_number_reaches_no_threshold() -> None:
    assert count_thresholds(torch.tensor([torch.nan, 0.0, 1.0])).tolist() == [0, 1, 255]


@settings(max_examples=15, deadline=None)
@given(
    height=st.integers(1, 9),
    spread=st.sampled_from([0.0, 0.1, 3.0, 30.0]),
    levels=st.sampled_from([0, 3]),
    seed=st.integers(0, 999),
)
def test_the_255_counts_are_exact(height: int, spread: float, levels: int, seed: int) -> None:
    logits, target = reference.clips(1, 3, (height, 7), seed)
    logits = logits * spread
    if levels:  # many ties
        logits = (logits * levels).round() / levels
    histograms = _histograms(logits, target).view(3, 2, 256)
    above = histograms.flip(-1).cumsum(-1).flip(-1)[..., 1:]
    for n in range(3):
        expected = torch.tensor(reference.threshold_counts(logits[0, n], target[0, n]))
        assert torch.equal(above[n, 1], expected[:, 0])
        assert torch.equal(above[n].sum(0), expected[:, 1])


@settings(max_examples=15, deadline=None)
@given(height=st.integers(1, 9), seed=st.integers(0, 999))
def test_curve_equals_the_loop(height: int, seed: int) -> None:
    logits, target = reference.clips(2, 2, (height, 7), seed)
    curves = fscore_curve(logits, target)
    expected = [reference.curve(z, g) for z, g in zip(logits.flatten(0, 1), target.flatten(0, 1), strict=True)]
    torch.testing.assert_close(curves, torch.stack(expected), rtol=1e-6, atol=1e-7)
    assert ((curves >= 0) & (curves <= 1)).all()


def test_hard_masks_and_constant_scores() -> None:
    target = torch.tensor([[[1, 1, 0, 0]]])
    assert fscore(target * 200.0 - 100, target).item() == pytest.approx(1)
    # all scores equal: precision 1/2, recall 1, at every threshold up to 1/2
    curve = fscore_curve(torch.zeros(1, 1, 4), target)[0]
    assert curve[:127].tolist() == pytest.approx([1.3 * 0.5 / (0.15 + 1)] * 127)
    assert not curve[128:].any()


@pytest.mark.parametrize("videos", [1, 2, 4, 8, None])
def test_groups(videos: int | None) -> None:
    logits, target = reference.clips(7)
    metric = FScore(videos_per_group=videos)
    metric.update(logits, target, index=torch.arange(7))
    size = videos or 7
    groups = [
        reference.fscore(logits[i : i + size].flatten(0, 1), target[i : i + size].flatten(0, 1))
        for i in range(0, 7, size)
    ]
    assert metric.compute().item() == pytest.approx(sum(groups) / len(groups), rel=1e-6)


def test_a_group_with_only_empty_masks_counts_zero() -> None:
    logits, target = reference.clips(2)
    metric = FScore(videos_per_group=1)
    metric.update(logits, target, index=torch.arange(2))
    alone = FScore(videos_per_group=1)
    alone.update(logits[:1], target[:1])
    assert metric.compute().item() == pytest.approx(alone.compute().item() / 2)
    assert metric.per_clip()[1] == 0


def test_frames_without_index_are_cut_into_videos() -> None:
    logits, target = reference.clips(6)
    whole, pieces = FScore(2), FScore(2)
    whole.update(logits, target, index=torch.arange(6))
    for z, g in zip(logits.flatten(0, 1).split(7), target.flatten(0, 1).split(7), strict=True):
        pieces.update(z, g)
    assert torch.equal(whole.compute(), pieces.compute())


def test_per_clip_is_the_score_of_each_video() -> None:
    logits, target = reference.clips(3)
    metric = FScore()
    metric.update(logits, target, index=torch.tensor([4, 9, 2]))
    assert metric.per_clip() == {
        name: pytest.approx(reference.fscore(logits[n], target[n]), rel=1e-6) for n, name in ((2, 2), (0, 4), (1, 9))
    }


def test_a_group_has_at_least_one_video() -> None:
    with pytest.raises(UserError, match="videos_per_group 0"):
        FScore(videos_per_group=0)
