"""The table of edge cases of docs/metrics_lu_avs.md, line by line, with numbers computed by hand."""

from typing import Any

import pytest
import torch

from avseg.metrics import LongVideoScore

NAMES = ("m_tIoU", "m_vIoU", "m_tF", "m_vF")
# four pixels in a row: F of half the object is 1.3 * 1 * 0.5 / (0.3 * 1 + 0.5)
HALF_F = 1.3 * 0.5 / 0.8


def masks(*rows: str) -> torch.Tensor:
    """Build one frame per string, one pixel per character: x belongs to the object."""
    return torch.tensor([[[letter == "x" for letter in row]] for row in rows])


def score(updates: list[dict[str, Any]], **options: Any) -> list[float]:
    metric = LongVideoScore("mask", **options)
    for update in updates:
        metric.update(**{"video": "a", "label": 0, **update})
    got = metric.compute()
    return [got[name].item() for name in NAMES]


def check(got: list[float], expected: list[float]) -> None:
    assert got == pytest.approx(expected, nan_ok=True)


FULL, HALF, NO = "xx--", "x---", "----"
NAN = [float("nan")] * 4
FOUND = {"frames": [0, 1], "predicted": masks(FULL, HALF), "target": masks(FULL, FULL)}
FOUND_SCORES = [0.75, 0.75, (1 + HALF_F) / 2, (1 + HALF_F) / 2]


def test_found_frames_score_iou_and_f() -> None:
    check(score([FOUND]), FOUND_SCORES)


@pytest.mark.parametrize("predicted", [None, masks(NO, NO)])
def test_in_gt_and_nothing_predicted(predicted: torch.Tensor | None) -> None:
    missed = {"label": 1, "frames": [0, 1], "predicted": predicted, "target": masks(FULL, FULL)}
    check(score([missed]), [0] * 4)
    check(score([missed, FOUND]), [value / 2 for value in FOUND_SCORES])
    check(score([missed, FOUND], fp_policy="ignore"), [value / 2 for value in FOUND_SCORES])


@pytest.mark.parametrize("target", [None, masks(NO, NO)])
def test_predicted_and_not_in_gt(target: torch.Tensor | None) -> None:
    false_positive = {"label": 1, "frames": [0, 1], "predicted": masks(FULL, FULL), "target": target}
    check(score([false_positive]), [0] * 4)
    check(score([false_positive], fp_policy="ignore"), NAN)
    check(score([false_positive, FOUND]), [value / 2 for value in FOUND_SCORES])
    check(score([false_positive, FOUND], fp_policy="ignore"), FOUND_SCORES)


EMPTY = [
    {"video": "b", "label": None},
    {"video": "b", "label": None, "frames": [0, 1]},
    {"video": "b", "frames": [0, 1]},
    {"video": "b", "frames": [0, 1], "predicted": masks(NO, NO), "target": masks(NO, NO)},
]


@pytest.mark.parametrize("unit", ["video_class", "segment", "video"])
@pytest.mark.parametrize("empty", EMPTY)
def test_video_without_gt_and_prediction(empty: dict[str, Any], unit: str) -> None:
    found = {**FOUND, "segments": [(0, 2)]}
    check(score([empty, found], unit=unit), FOUND_SCORES)
    check(score([empty, found], unit=unit, empty_video="one"), [(1 + value) / 2 for value in FOUND_SCORES])
    check(score([empty], unit=unit), NAN)
    check(score([empty], unit=unit, empty_video="one"), [1] * 4)


def test_a_video_with_only_a_false_positive_is_not_empty() -> None:
    false_positive = {"video": "b", "frames": [0], "predicted": masks(FULL)}
    check(score([false_positive, FOUND], empty_video="one", fp_policy="ignore"), FOUND_SCORES)
    check(score([false_positive, FOUND], empty_video="one"), [value / 2 for value in FOUND_SCORES])


def test_never_sounding_visible_object() -> None:
    silent = {"label": 1, "frames": [0, 1], "predicted": None, "target": None}
    check(score([silent, FOUND]), FOUND_SCORES)
    silent["predicted"] = masks(NO, FULL)
    check(score([silent, FOUND]), [value / 2 for value in FOUND_SCORES])


OFF_SCREEN = {"frames": [0, 1, 2], "target": masks(FULL, NO, NO), "audible": torch.tensor([True, True, True])}


@pytest.mark.parametrize(
    ("options", "update", "expected"),
    [
        # frames 1 and 2 are dropped from G, and from P where nothing is predicted
        ({}, {"predicted": masks(FULL, NO, NO)}, [1, 1]),
        ({"gate_only_counts": True}, {"predicted": masks(FULL, NO, NO), "gate": torch.ones(3).bool()}, [1, 1]),
        ({}, {"predicted": masks(FULL, HALF, NO)}, [1, 1 / 2]),
        # kept in G: they score 0 whatever is predicted
        ({"drop_empty_gt": False}, {"predicted": masks(FULL, NO, NO)}, [1 / 3, 1 / 3]),
        ({"drop_empty_gt": False}, {"predicted": masks(FULL, HALF, NO)}, [1 / 3, 1 / 3]),
        # without `audible` these frames are unknown
        ({"drop_empty_gt": False}, {"predicted": masks(FULL, NO, NO), "audible": None}, [1, 1]),
    ],
)
def test_gt_frame_with_an_empty_mask(options: dict[str, Any], update: dict[str, Any], expected: list[float]) -> None:
    check(score([{**OFF_SCREEN, **update}], **options)[:2], expected)


def test_a_class_that_is_never_on_screen() -> None:
    update = {"frames": [0], "target": masks(NO), "audible": torch.tensor([True])}
    check(score([update]), NAN)
    check(score([update], drop_empty_gt=False), [0] * 4)


def test_off_screen_sound_counts_for_methods_without_regions() -> None:
    metric = LongVideoScore("none")
    metric.update("a", 0, range(4), predicted=torch.tensor([1, 0, 0, 1]).bool(), target=torch.ones(4).bool())
    assert metric.compute()["m_tIoU"] == 0.5


GAP = {"frames": range(6), "target": masks(FULL, FULL, NO, NO, FULL, FULL)}


def test_several_segments_of_one_class() -> None:
    bridge = {**GAP, "predicted": masks(*[FULL] * 6)}
    check(score([bridge]), [1, 4 / 6, 1, 4 / 6])
    first = {**GAP, "predicted": masks(FULL, FULL, NO, NO, NO, NO)}
    check(score([first]), [0.5] * 4)
    segments = {"segments": [(4, 6), (0, 2)]}
    # the bridge belongs to the earlier of two equal segments; the other one gets no prediction
    check(score([{**bridge, **segments}], unit="segment"), [1 / 2, 2 / 6 / 2, 1 / 2, 2 / 6 / 2])
    check(score([{**first, **segments}], unit="segment"), [0.5] * 4)


def test_a_run_that_overlaps_no_segment_is_a_false_positive() -> None:
    update = {**GAP, "predicted": masks(FULL, FULL, NO, HALF, NO, NO), "segments": [(0, 2), (4, 6)]}
    check(score([update], unit="segment"), [1 / 3] * 4)
    check(score([update], unit="segment", fp_policy="ignore"), [1 / 2] * 4)


def test_a_run_belongs_to_the_segment_it_shares_most_with() -> None:
    target = masks(FULL, NO, FULL, FULL)
    update = {"frames": range(4), "target": target, "predicted": masks(*[FULL] * 4), "segments": [(0, 1), (2, 4)]}
    check(score([update], unit="segment"), [1 / 2, 2 / 4 / 2, 1 / 2, 2 / 4 / 2])


def test_touching_and_overlapping_segments_are_separate_units() -> None:
    update = {"frames": range(4), "target": masks(*[FULL] * 4), "predicted": masks(FULL, FULL, NO, NO)}
    check(score([{**update, "segments": [(0, 2), (2, 4)]}], unit="segment"), [1 / 2] * 4)
    check(score([{**update, "segments": [(0, 2), (0, 4)]}], unit="segment"), [1 / 2] * 4)
    check(score([{**update, "segments": [(0, 4), (0, 4)]}], unit="segment"), [1 / 2] * 4)


def test_two_instances_of_one_class_at_once() -> None:
    check(score([{"frames": [0], "target": masks("xx-x"), "predicted": masks("xx--")}])[:2], [2 / 3, 2 / 3])
    two = torch.tensor([[0, 0, 2, 2], [5, 5, 7, 7]])
    metric = LongVideoScore("box")
    metric.update("a", 0, [0], predicted=[two[:1]], target=[two])
    got = metric.compute()
    assert got["m_tIoU"] == got["m_vIoU"] == 0.5
    assert got["m_tF"].isnan()
    assert got["m_vF"].isnan()


def test_frames_at_the_boundaries_have_no_tolerance() -> None:
    update = {"frames": range(4), "target": masks(FULL, FULL, NO, NO), "predicted": masks(NO, FULL, FULL, NO)}
    check(score([update])[:2], [1 / 2, 1 / 3])
    outside = {**update, "segments": [(0, 1)]}
    with pytest.raises(ValueError, match="frame 1, which is in none of its 1 segments"):
        score([outside], unit="segment")


def test_audio_on_without_a_region() -> None:
    update = {"frames": [0, 1], "target": masks(FULL, NO), "predicted": masks(FULL, NO), "gate": torch.ones(2).bool()}
    check(score([update])[:2], [1, 1])
    check(score([update], gate_only_counts=True)[:2], [1, 1 / 2])


def test_visual_only_fills_the_holes() -> None:
    update = {"frames": [0, 5, 10], "target": masks(FULL, FULL, NO), "predicted": masks(FULL, NO, FULL)}
    check(score([update])[:2], [1 / 2, 1 / 3])
    full = {**update, "target": masks(FULL, NO, FULL)}
    check(score([full])[:2], [1, 1])
    check(score([full], predicted_range="first_to_last")[:2], [1, 2 / 3])


def test_merged_classes_are_one_region() -> None:
    metric = LongVideoScore("mask", merge_classes=True)
    target = {3: masks("xx--"), 5: masks("--xx")}
    metric.update_classes("a", [0], predicted={0: masks("xxxx")}, target=target)
    assert metric.compute()["m_tIoU"] == 1


def test_labels_of_a_method_without_regions() -> None:
    metric = LongVideoScore("none")
    activity = torch.tensor([[1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0], [1, 0, 0, 1]]).bool()
    metric.update("a", 0, range(4), target=activity[0], predicted=activity[1])
    metric.update("a", 1, range(4), target=activity[2], predicted=activity[3])
    got = metric.compute()
    # class 0: one correct, one missed, one false outside; class 1: false once inside and once outside
    assert got["m_tF"].item() == pytest.approx(2 * 1 / (2 * 1 + 1 + 1))
    assert got["m_vF"].item() == pytest.approx(2 * 1 / (2 * 1 + 1 + 3))
    assert got["m_tIoU"].item() == pytest.approx((1 / 2 + 0) / 2)
    assert got["m_vIoU"] == got["m_tLoc"] == pytest.approx((1 / 3 + 0) / 2)


def test_units_weigh_videos_differently() -> None:
    false_positive = {"label": 1, "frames": [0], "predicted": masks(FULL)}
    second_video = {"video": "b", "frames": [0], "predicted": masks(FULL), "target": masks(FULL)}
    check(score([FOUND, false_positive, second_video])[:1], [(0.75 + 0 + 1) / 3])
    check(score([FOUND, false_positive, second_video], unit="video")[:1], [((0.75 + 0) / 2 + 1) / 2])
