"""`LongVideoScore` against the reference implementation with sets and fractions, for many random videos."""

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.metrics import LongVideoScore
from tests.metrics import long_video_cases as cases
from tests.metrics import reference_long_video as reference

pytestmark = pytest.mark.filterwarnings("ignore:The ``compute`` method")
REGIONS = ("mask", "box", "none")


def _same(got: dict[str, torch.Tensor], expected: dict[str, reference.Score]) -> bool:
    for name, value in expected.items():
        ours = got[name].item()
        if (value is None) != (ours != ours) or (value is not None and abs(ours - float(value)) > 1e-6):
            return False
    return set(got) == set(expected)


def _check(seed: int, region: str) -> None:
    draw = random.Random(seed)
    o, videos = cases.options(draw, region), cases.videos(draw, region)
    got = cases.feed(cases.metric(o), cases.calls(draw, videos, o)).compute()
    expected = reference.score(videos, o)
    assert _same(got, expected), (seed, o, got, expected)


@pytest.mark.parametrize("region", REGIONS)
def test_equals_the_definition(region: str) -> None:
    for seed in range(80):
        _check(seed, region)


@pytest.mark.slow
@pytest.mark.parametrize("region", REGIONS)
def test_equals_the_definition_in_thousands_of_cases(region: str) -> None:
    for seed in range(1000, 4000):
        _check(seed, region)


@settings(max_examples=40, deadline=None)
@given(draw=st.randoms(use_true_random=False), region=st.sampled_from(REGIONS))
def test_the_union_is_never_easier(draw: random.Random, region: str) -> None:
    o, videos = cases.options(draw, region), cases.videos(draw, region)
    score = cases.feed(cases.metric(o), cases.calls(draw, videos, o))
    for scores in (score.compute(), *score.per_video().values()):
        v_iou, t_iou, t_loc = (float(scores[name]) for name in ("m_vIoU", "m_tIoU", "m_tLoc"))
        assert not v_iou > t_iou
        assert not v_iou > t_loc
        assert not float(scores["m_vF"]) > float(scores["m_tF"])


@settings(max_examples=40, deadline=None)
@given(draw=st.randoms(use_true_random=False), region=st.sampled_from(REGIONS))
def test_chunks_and_order_change_no_digit(draw: random.Random, region: str) -> None:
    o, videos = cases.options(draw, region), cases.videos(draw, region)
    in_order = cases.feed(cases.metric(o), cases.calls(draw, videos, o, shuffled=False)).per_video()
    shuffled = cases.feed(cases.metric(o), cases.calls(draw, videos, o, shuffled=True)).per_video()
    assert str(in_order) == str(shuffled)  # NaN equals NaN


def test_per_video() -> None:
    draw = random.Random(5)
    o, videos = reference.Options(unit="segment"), cases.videos(draw, "mask", count=6)
    got = cases.feed(cases.metric(o), cases.calls(draw, videos, o)).per_video()
    for name, video in videos.items():
        expected = reference.score({name: video}, o)
        assert (name in got) == (expected["m_tIoU"] is not None)
        for key, value in got.get(name, {}).items():
            assert value == pytest.approx(float(expected[key] or 0))


def vidstg(b: dict[int, tuple[int, ...]], q: dict[int, tuple[int, ...]]) -> tuple[float, float, float]:
    """Compute tIoU, vIoU and gt_vIoU of spatio-temporal video grounding: two intervals with a box in every frame."""
    start, end, start_q, end_q = min(b), max(b) + 1, min(q), max(q) + 1
    inner = range(max(start, start_q), min(end, end_q))
    outer = range(min(start, start_q), max(end, end_q))
    overlap = max(0, min(end, end_q) - max(start, start_q))
    t_iou = overlap / (end - start + end_q - start_q - overlap)
    v_iou = sum(float(reference.box_iou(b[t], q[t])) for t in inner) / max(len(outer), 1)
    gt_v_iou = sum(float(reference.box_iou(b[t], q[t])) for t in b if t in q) / len(b)
    return t_iou, v_iou, gt_v_iou


@settings(max_examples=80, deadline=None)
@given(draw=st.randoms(use_true_random=False), unit=st.sampled_from(["video_class", "segment", "video"]))
def test_one_class_one_segment_one_box_is_vidstg(draw: random.Random, unit: str) -> None:
    (start, end), (start_q, end_q) = (sorted(draw.sample(range(12), 2)) for _ in range(2))
    boxes: list[dict[int, tuple[int, ...]]] = []
    for first, last in ((start, end), (start_q, end_q)):
        corners = {t: (draw.randint(0, 5), draw.randint(0, 5)) for t in range(first, last)}
        boxes.append({t: (x, y, x + draw.randint(1, 5), y + draw.randint(1, 5)) for t, (x, y) in corners.items()})
    o = reference.Options("box", unit=unit)
    video = reference.Video(list(range(12)), {2: reference.Track(boxes[1], boxes[0], [(start, end)])})
    got = cases.feed(cases.metric(o), cases.calls(draw, {"a": video}, o)).compute()
    t_iou, v_iou, gt_v_iou = vidstg(*boxes)
    disjoint = end <= start_q or end_q <= start
    if unit == "segment" and disjoint:  # the prediction is then a unit of its own
        assert got["m_vIoU"] == got["m_tLoc"] == v_iou == t_iou == 0
        return
    assert got["m_tLoc"].item() == pytest.approx(t_iou)
    assert got["m_vIoU"].item() == pytest.approx(v_iou)
    assert got["m_tIoU"].item() == pytest.approx(gt_v_iou)
    assert got["vIoU@0.3"].item() == (v_iou > 0.3)
    assert got["m_tF"].isnan()


def test_m_tiou_as_temporal_iou() -> None:
    score = LongVideoScore("none", m_tIoU="temporal_iou")
    active = torch.tensor([[1, 1, 0, 0], [0, 1, 1, 0]]).bool()
    score.update("a", 0, range(4), predicted=active[1], target=active[0])
    assert score.compute()["m_tIoU"] == score.compute()["m_tLoc"] == pytest.approx(1 / 3)
