"""Mask checks against slow reference implementations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from avseg.data.check.masks import MaskRules, check_mask, decode_mask, named_classes
from avseg.data.palette import voc_palette
from avseg.data.setting import ClipEntry

NAMES = ("background", "cat", "dog", "male_speech", "male", "vacuum-cleaner")
CLIP = ClipEntry("x", "", "train")


def flood(labels: np.ndarray, index: int) -> list[int]:
    """Return the sizes of the spots of a class, pixel by pixel."""
    remaining = {tuple(pixel) for pixel in np.argwhere(labels == index).tolist()}
    sizes = []
    while remaining:
        edge, size = [remaining.pop()], 0
        while edge:
            row, column = edge.pop()
            size += 1
            neighbours = {(row + a, column + b) for a in (-1, 0, 1) for b in (-1, 0, 1)} & remaining
            remaining -= neighbours
            edge += neighbours
        sizes.append(size)
    return sizes


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.floats(0.02, 0.6))
def test_small_spots_are_those_of_a_flood_fill(seed: int, min_pixels: int, density: float) -> None:
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random((14, 17)) < density, rng.integers(1, 4, (14, 17)), 0).astype(np.uint8)
    mask = decode_mask(Image.fromarray(voc_palette()[labels]), MaskRules(NAMES, min_pixels))
    np.testing.assert_array_equal(mask.labels, labels)
    assert mask.share == pytest.approx((labels > 0).mean())
    assert mask.classes == tuple(sorted(set(labels.reshape(-1).tolist()) - {0}))
    expected = {}
    for index in mask.classes:
        small = [size for size in flood(labels, index) if size < min_pixels]
        if small:
            expected[NAMES[index]] = (len(small), sum(small))
    reported = {}
    for finding in check_mask(mask, MaskRules(NAMES, min_pixels), CLIP, "x.png"):
        assert finding.issue == "stray pixels"
        count, total = finding.message.split()[0], finding.message.split("(")[1].split()[0]
        reported[finding.message.split("'")[1]] = (int(count), int(total))
    assert reported == expected


@pytest.mark.parametrize(
    ("label", "classes"),
    [
        ("cat_dog", {1, 2}),
        ("dog", {2}),
        ("male_speech", {3}),
        ("male_male_speech", {3, 4}),
        ("vacuum-cleaner_cat", {1, 5}),
        ("cat, dog", {1, 2}),
        ("Dog", {2}),
        ("dogs", None),
        ("cat_unicorn", None),
        ("", None),
    ],
)
def test_classes_of_a_label(label: str, classes: set[int] | None) -> None:
    assert named_classes(label, NAMES) == classes


@pytest.mark.parametrize(
    ("mode", "values", "odd"),
    [
        ("1", (0, 1), False),
        ("L", (0, 255), False),
        ("L", (0, 1), False),
        ("L", (255,), False),
        ("P", (0, 255), False),
        ("L", (0, 254, 255), True),
        ("L", (0, 1, 255), True),
        ("P", (0, 3), True),
    ],
)
def test_values_of_black_and_white_masks(mode: str, values: tuple[int, ...], odd: bool) -> None:
    pixels = np.resize(np.array(values, np.uint8), (6, 6))
    image = Image.frombytes("P" if mode == "P" else "L", (6, 6), pixels.tobytes())
    image = Image.fromarray(pixels.astype(bool)) if mode == "1" else image
    mask = decode_mask(image, MaskRules())
    assert [finding.issue for finding in check_mask(mask, MaskRules(), CLIP, "x.png")] == ["mask values"] * odd
    np.testing.assert_array_equal(mask.labels, pixels > 0)
