"""Classes on a frame: tints, rectangles, names, stable colours."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from avseg.draw.boxes import Mark, MarkedFrame, draw_box
from avseg.draw.labels import class_colour, name_label
from avseg.draw.overlay import WHITE
from tests.draw.test_overlay import as_seen_without

GREY = np.full((120, 200, 3), 90, np.uint8)


def _is(image: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return (image == np.array(colour)).all(-1)


def test_colours_are_stable_and_differ() -> None:
    colours = [class_colour(label) for label in range(21)]
    assert len(set(colours)) == 21
    assert [class_colour(label + 21) for label in range(21)] == colours
    for cone in ("red", "green"):  # the seven hues themselves, for every eye
        seen = [as_seen_without(colour, cone) for colour in colours[:7]]
        assert min(np.abs(a - b).max() for n, a in enumerate(seen) for b in seen[:n]) > 25


def test_names_are_readable() -> None:
    for label in range(21):
        label_image = name_label("dog barking", class_colour(label), 24).astype(int)
        ground, letters = np.array(class_colour(label)), label_image.reshape(-1, 3)
        weights = (0.299, 0.587, 0.114)
        assert label_image.shape[0] == 24
        assert (label_image[0] == ground).all()
        assert np.abs((letters - ground) @ weights).max() > 80


def test_a_mask_is_tinted_and_named() -> None:
    mask = np.zeros((120, 200), bool)
    mask[50:100, 80:160] = True
    colour = class_colour(2)
    marked = MarkedFrame((120, 200), [Mark("cat", colour, mask)]).on(GREY)
    assert np.abs(marked[60:90, 90:150] - (90 * 0.45 + 0.55 * np.array(colour))).max() < 2
    assert _is(marked[39:50, 80:90], colour).any()
    changed = (marked != GREY).any(-1)
    changed[39:50, 80:200] = False
    assert (changed == mask).all()
    assert (GREY == 90).all()


@given(st.tuples(*[st.floats(-30, 230)] * 4), st.integers(1, 4))
def test_a_rectangle_stays_within_its_box(corners: tuple[float, ...], line: int) -> None:
    (left, right), (top, bottom) = sorted(corners[:2]), sorted(corners[2:])
    frame = GREY.copy()
    draw_box(frame, (left, top, right, bottom), (0, 0, 255), line)
    changed = (frame != GREY).any(-1)
    thin = max(1, line // 2)
    outside = np.ones_like(changed)
    outside[
        max(round(top) - thin, 0) : max(round(bottom) + thin, 0),
        max(round(left) - thin, 0) : max(round(right) + thin, 0),
    ] = False
    assert not changed[outside].any()
    deep = 2 * (line + thin)
    rows, columns = np.clip([round(top), round(bottom)], 0, 120), np.clip([round(left), round(right)], 0, 200)
    inside = changed[rows[0] + deep : max(rows[1] - deep, 0), columns[0] + deep : max(columns[1] - deep, 0)]
    assert not inside.any()


def test_a_box_is_drawn_in_its_colour_between_white() -> None:
    colour = class_colour(0)
    marked = MarkedFrame((120, 200), [Mark("dog", colour, boxes=np.array([[40, 50, 120, 100.0]]))]).on(GREY)
    assert _is(marked[75, 40:42], colour).all()
    assert _is(marked[75, 39:40], WHITE).all()
    assert _is(marked[75, 42:43], WHITE).all()
    assert (marked[75, 50:110] == 90).all()


@given(st.lists(st.tuples(st.integers(0, 150), st.integers(0, 90)), max_size=2), st.integers(0, 2))
def test_no_name_covers_another(corners: list[tuple[int, int]], audible: int) -> None:
    marks = [
        Mark(f"class {n}", class_colour(n), boxes=np.array([[x, y, x + 40, y + 30.0]]))
        for n, (x, y) in enumerate(corners)
    ]
    marks += [Mark(f"sound {n}", class_colour(n)) for n in range(audible)]
    labels = MarkedFrame((120, 200), marks).labels
    assert len(labels) == len(marks)
    covered = np.zeros((120, 200), int)
    for (top, left, bottom, right), label in labels:
        assert (bottom - top, right - left) == label.shape[:2]
        covered[top:bottom, left:right] += 1
    assert covered.max(initial=0) <= 1


def test_an_audible_class_without_region_is_in_the_corner() -> None:
    marked = MarkedFrame((120, 200), [Mark("rain", class_colour(4))]).on(GREY)
    assert (marked[:100] == 90).all()
    assert _is(marked[-11:, :20], class_colour(4)).any()


def test_a_name_wider_than_the_frame_is_cut() -> None:
    small = np.full((32, 40, 3), 90, np.uint8)
    marked = MarkedFrame((32, 40), [Mark("vacuum cleaner cleaning floors", class_colour(1))]).on(small)
    assert marked.shape == small.shape
