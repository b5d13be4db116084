import gc
import weakref
from typing import Any

import numpy as np
import pytest

from avseg.annotate.backends.light.region_nets import WEIGHTS, read_nets
from avseg.annotate.backends.light.segmenter import LightSegmenter
from avseg.annotate.document.models import Input
from avseg.annotate.drawing.renderer import Renderer
from avseg.annotate.protocols import Box, Candidate, Image, Mask
from avseg.annotate.quality.scores import iou
from avseg.utils.errors import UserError


@pytest.fixture(scope="module")
def segmenter() -> LightSegmenter:
    return LightSegmenter()


def scene() -> tuple[Image, Mask, Mask]:
    """Return an image of two disks on a wall, and the masks of both."""
    rows, columns = np.mgrid[:200, :300]
    wall = np.kron(np.random.default_rng(0).integers(90, 130, (25, 38, 3)), np.ones((8, 8, 1)))[:200, :300]
    image = wall.astype(np.uint8)
    left = (rows - 90) ** 2 + (columns - 90) ** 2 < 45**2
    right = (rows - 110) ** 2 + (columns - 220) ** 2 < 35**2
    image[left], image[right] = (200, 40, 40), (40, 60, 210)
    return image, left, right


def point(number: int, x: float, y: float, positive: bool) -> Input:
    return Input(str(number), "point", (x, y), positive)


def test_a_click_or_a_box_selects_an_object(segmenter: LightSegmenter) -> None:
    image, left, right = scene()
    encoded = segmenter.encode(image)
    best, *others = segmenter.predict(encoded, [(90, 90, True)])
    assert iou(best.mask, left) > 0.9
    assert len(others) == 2
    assert 0 <= best.score <= 1
    box = segmenter.predict(encoded, box=(180, 70, 260, 150))[0].mask
    assert iou(box, right) > 0.9
    assert not box[:, :175].any()
    np.testing.assert_array_equal(best.mask, segmenter.predict(segmenter.encode(image), [(90, 90, True)])[0].mask)


def test_a_second_click_is_estimated_once(segmenter: LightSegmenter) -> None:
    image, left, _ = scene()
    encoded = segmenter.encode(image)
    renderer = Renderer(segmenter, lambda _: encoded, (200, 300))
    estimated: list[Any] = []
    estimate = segmenter._nets.estimate

    def counted(scene: Any, prompts: Any) -> Any:
        estimated.append(prompts)
        return estimate(scene, prompts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segmenter._nets, "estimate", counted)
        inputs = [point(0, 80, 90, True), point(1, 100, 100, True)]
        assert iou(renderer.render(0, None, inputs).mask, left) > 0.9
        assert len(renderer.candidates(0, None, inputs)) >= 1  # draws all of them
    assert [len(prompts.positive) for prompts in estimated] == [1, 2]


def test_further_candidates_are_drawn_when_they_are_read_and_do_not_need_the_scene(segmenter: LightSegmenter) -> None:
    image, left, _ = scene()
    encoded = segmenter.encode(image)
    expected = list(segmenter.predict(encoded, [(90, 90, True)]))
    levels: list[float] = []
    draw = segmenter._at_level

    def counted(likely: Any, points: Any, box: Any, level: float) -> Candidate:
        levels.append(level)
        return draw(likely, points, box, level)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segmenter, "_at_level", counted)
        candidates = segmenter.predict(encoded, [(90, 90, True)])
        assert iou(candidates[0].mask, left) > 0.9
        assert levels == [0.5]
        tables = weakref.ref(encoded)  # of some MB
        del encoded
        gc.collect()
        assert tables() is None
        for candidate, same in zip(candidates, expected, strict=True):
            np.testing.assert_array_equal(candidate.mask, same.mask)
            assert candidate.score == same.score
        assert levels == [0.5, 0.25, 0.75]


def half_length() -> tuple[Image, Mask]:
    """Return an image of a head and shoulders of two colours before a patchwork, and their mask."""
    rows, columns = np.mgrid[:180, :240]
    rng = np.random.default_rng(0)
    image = np.kron(rng.integers(60, 200, (12, 16, 3)), np.ones((15, 15, 1)))[:180, :240]
    head = ((rows - 62) / 38) ** 2 + ((columns - 110) / 28) ** 2 < 1
    body = (((rows - 180) / 85) ** 2 + ((columns - 110) / 88) ** 2 < 1) & ~head
    image[body], image[head] = (70, 140, 60), (220, 170, 140)
    noisy = np.clip(image + rng.integers(-6, 7, image.shape), 0, 255)
    return noisy.astype(np.uint8), head | body


@pytest.mark.parametrize("box", [(22, 24, 199, 180), (0, 0, 217, 180), (0, 0, 230, 180)])
def test_a_tight_or_loose_box_around_a_large_object_selects_it(segmenter: LightSegmenter, box: Box) -> None:
    image, mask = half_length()
    assert iou(segmenter.predict(segmenter.encode(image), box=box)[0].mask, mask) > 0.9


def test_without_anything_on_the_object_it_refuses(segmenter: LightSegmenter) -> None:
    encoded = segmenter.encode(scene()[0])
    with pytest.raises(UserError, match="click on the object first"):
        segmenter.predict(encoded, [(5, 5, False)])


def test_a_further_click_changes_the_mask_around_it_only(segmenter: LightSegmenter) -> None:
    image, left, right = scene()
    encoded = segmenter.encode(image)
    renderer = Renderer(segmenter, lambda _: encoded, (200, 300))
    clicks = [point(1, 90, 90, True), point(2, 220, 110, True), point(3, 225, 115, False)]
    one, two, three = (renderer.render(0, None, clicks[:count]).mask for count in (1, 2, 3))
    assert one is not None
    assert two is not None
    assert three is not None
    np.testing.assert_array_equal(one[:, :140], two[:, :140])
    assert iou(two, left | right) > 0.9
    np.testing.assert_array_equal(two[:, :140], three[:, :140])
    assert not three[115, 225]


def test_clicks_that_come_together_give_the_mask_of_those_one_by_one(segmenter: LightSegmenter) -> None:
    image, _, _ = scene()
    encoded = segmenter.encode(image)
    clicks = [point(0, 10, 10, False), point(1, 90, 90, True), point(2, 220, 110, True), point(3, 215, 100, False)]
    at_once = Renderer(segmenter, lambda _: encoded, (200, 300)).render(0, None, clicks).mask
    renderer = Renderer(segmenter, lambda _: encoded, (200, 300))
    for count in range(1, 5):
        mask = renderer.render(0, None, clicks[:count]).mask
    assert at_once is not None
    assert mask is not None
    np.testing.assert_array_equal(at_once, mask)


def test_a_click_that_agrees_with_a_painted_mask_changes_nothing(segmenter: LightSegmenter) -> None:
    image, left, _ = scene()
    painted = left & (np.arange(200)[:, None] % 20 < 14)
    changed = segmenter.predict(segmenter.encode(image), [(90, 90, True)], None, painted)[0].mask
    assert painted[90, 90]
    np.testing.assert_array_equal(changed, painted)


def test_images_of_a_few_pixels_and_of_any_shape(segmenter: LightSegmenter) -> None:
    for height, width in ((2, 2), (3, 400), (40, 31)):
        image = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
        mask = segmenter.predict(segmenter.encode(image), [(width // 2, height // 2, True)])[0].mask
        assert mask.shape == (height, width)


def test_the_networks_are_small_and_finite() -> None:
    count = 0
    for net in read_nets(WEIGHTS):
        for weight, bias in net.layers:
            assert np.isfinite(weight).all()
            count += weight.size + bias.size
    assert count < 40_000
