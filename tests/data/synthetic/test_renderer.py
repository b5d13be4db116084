import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.data.synthetic.background import draw_background
from avseg.data.synthetic.renderer import Motion, SceneObject, draw_motion, draw_scene, render_scene

COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
GREY = np.full((40, 40, 3), 128, np.uint8)


def square(colour):
    sprite = np.full((20, 20, 4), 255, np.uint8)
    sprite[..., :3] = colour
    return sprite


def still(x, y, size=0.5):
    return Motion("still", (x, y), (0, 0), 0.0, 0.0, size, 0.0, 0.0)


def box(x, y, side=20):
    """Mask of a square of 20 pixels centred at (x, y) pixels, in an image of 40."""
    mask = np.zeros((40, 40), bool)
    mask[max(0, y - side // 2) : y + side // 2, max(0, x - side // 2) : x + side // 2] = True
    return mask


def border(mask):
    """Mask of the pixels next to an edge, where rounding decides."""
    padded = np.pad(mask, 1, mode="edge")
    shifts = [padded[dy : dy + 40, dx : dx + 40] != mask for dy, dx in itertools.product(range(3), repeat=2)]
    return np.any(shifts, axis=0)


@pytest.mark.parametrize("depths", list(itertools.permutations(range(3))))
def test_each_pixel_belongs_to_the_nearest_object_there(depths):
    centres = [(16, 16), (24, 20), (18, 26)]
    objects = [
        SceneObject(square(c), still(x / 40, y / 40), d) for c, (x, y), d in zip(COLOURS, centres, depths, strict=True)
    ]
    rendering = render_scene(objects, GREY, [0.0, 1.0])
    boxes = [box(*centre) for centre in centres]
    unsure = np.any([border(b) for b in boxes], axis=0)
    for n in range(3):
        nearer = [boxes[m] for m in range(3) if depths[m] < depths[n]]
        expected = boxes[n] & ~np.any(nearer, axis=0) if nearer else boxes[n]
        assert (rendering.visible[1, n] == expected)[~unsure].all()
        inside = rendering.visible[0, n] & ~unsure
        assert (rendering.frames[0][inside] == COLOURS[n]).all()
    assert (rendering.visible.sum(axis=1) <= 1).all()
    background = ~np.any(boxes, axis=0) & ~unsure
    assert (rendering.frames[0][background] == 128).all()


def test_the_area_of_a_square_is_exact():
    rendering = render_scene([SceneObject(square(COLOURS[0]), still(0.5, 0.5), 0)], GREY, [0.0])
    assert rendering.visible.sum() == rendering.full_area[0, 0] == pytest.approx(400, abs=80)


def test_motion_moves_scales_and_is_seen_in_the_masks():
    motion = Motion("linear", (0.3, 0.5), (0.1, 0.0), 0.25, 0.0, 0.3, 0.1, 0.0)
    rendering = render_scene([SceneObject(square(COLOURS[0]), motion, 0)], GREY, [0.0, 1.0, 2.0])
    columns = [np.nonzero(mask[0])[1].mean() for mask in rendering.visible]
    np.testing.assert_allclose(columns, [11.5, 15.5, 19.5], atol=0.6)
    assert rendering.full_area[1, 0] > rendering.full_area[0, 0]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.floats(0, 60))
def test_centres_stay_in_the_image(seed, time):
    motion = draw_motion(np.random.default_rng(seed), (0.27, 0.44))
    pose = motion.at(time)
    assert 0.14 - 1e-9 <= pose.x <= 0.86 + 1e-9
    assert 0.14 - 1e-9 <= pose.y <= 0.86 + 1e-9
    assert 0.2 < pose.size < 0.5


def test_no_object_is_hidden():
    times = [0.9, 1.9, 2.9]
    for seed in range(30):
        rng = np.random.default_rng(seed)
        sprites = [square(c) for c in COLOURS]
        objects, rendering = draw_scene(rng, sprites, draw_background(rng, 40), times, (0.27, 0.44))
        assert (rendering.visible.sum(axis=(2, 3)) >= 0.35 * rendering.full_area).all()
        assert sorted(item.depth for item in objects) == [0, 1, 2]


def test_objects_do_overlap():
    covered = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        _, rendering = draw_scene(rng, [square(c) for c in COLOURS], GREY, [0.9, 2.9], (0.27, 0.44))
        covered += int((rendering.visible.sum(axis=(2, 3)) < rendering.full_area).any())
    assert covered >= 10


def test_backgrounds_differ_and_fill_the_image():
    first, second = (draw_background(np.random.default_rng(seed), 48) for seed in range(2))
    assert first.shape == (48, 48, 3)
    assert first.dtype == np.uint8
    assert np.abs(first.astype(int) - second).mean() > 3
