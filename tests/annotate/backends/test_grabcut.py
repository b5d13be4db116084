import numpy as np
import pytest
from scipy import ndimage

from avseg.annotate.backends import make_segmenter
from avseg.annotate.backends.crop import padded_box
from avseg.annotate.backends.grabcut.segmenter import GrabCut, keep_components
from avseg.annotate.protocols import Mask
from avseg.annotate.quality.scores import iou
from avseg.utils.errors import UserError
from tests.annotate.synthetic_videos import toy_film

OBJECTS = [(film, number) for film in (0, 2, 5) for number in range(1, toy_film(film, 128).visible.shape[1] + 1)]


def deepest(mask: Mask) -> tuple[int, int]:
    row, column = np.unravel_index(int(ndimage.distance_transform_edt(mask).argmax()), mask.shape)
    return int(column), int(row)


@pytest.mark.parametrize(("index", "number"), OBJECTS)
def test_every_prompt_type_finds_the_object(index: int, number: int) -> None:
    film = toy_film(index, 128)
    truth, segmenter = film.truth(number, 0), make_segmenter("grabcut")
    encoded = segmenter.encode(film.image(0))
    by_click = segmenter.predict(encoded, [(*deepest(truth), True)])
    assert iou(by_click[0].mask, truth) > 0.9
    assert by_click[0].mask.dtype == np.bool_
    assert all(0 <= candidate.score <= 1 for candidate in by_click)
    by_box = segmenter.predict(encoded, box=padded_box(truth))
    assert iou(by_box[0].mask, truth) > 0.8
    coarse = ndimage.binary_dilation(truth, iterations=3)
    by_mask = segmenter.predict(encoded, mask=coarse)
    assert iou(by_mask[0].mask, truth) > max(iou(coarse, truth) + 0.05, 0.85)


def two_rectangles() -> np.ndarray:
    """Two adjacent rectangles of similar colour on grey."""
    image = np.full((120, 200, 3), 120, np.uint8)
    image[30:90, 40:100] = (200, 60, 50)
    image[30:90, 100:150] = (190, 75, 60)
    return image


def test_a_negative_click_takes_away_and_a_positive_one_adds() -> None:
    segmenter = GrabCut()
    encoded = segmenter.encode(two_rectangles())
    (both, *_) = segmenter.predict(encoded, [(70, 60, True), (125, 60, True)])
    assert both.mask[60, [45, 70, 99, 102, 125, 145]].all()
    assert both.mask.sum() == pytest.approx(60 * 110, rel=0.05)
    (left, *_) = segmenter.predict(encoded, [(70, 60, True), (125, 60, False)])
    assert left.mask.sum() == pytest.approx(60 * 60, rel=0.1)
    # the same from a prior mask
    (less,) = segmenter.predict(encoded, [(125, 60, False)], mask=both.mask)
    assert less.mask.sum() == pytest.approx(60 * 60, rel=0.1)
    (more,) = segmenter.predict(encoded, [(125, 60, True)], mask=left.mask)
    assert more.mask[60, [70, 125]].all()


def test_the_component_under_the_click_is_kept() -> None:
    image = np.full((100, 160, 3), 90, np.uint8)
    image[20:50, 20:50] = image[60:80, 100:140] = (30, 200, 40)
    segmenter = GrabCut()
    mask = segmenter.predict(segmenter.encode(image), [(120, 70, True)])[0].mask
    assert not mask[20:50, 20:50].any()
    assert mask.sum() == pytest.approx(20 * 40, rel=0.1)


def test_large_images_get_edges_at_full_size() -> None:
    rows, columns = np.mgrid[:720, :1280]
    truth = (rows - 350) ** 2 / 150**2 + (columns - 800) ** 2 / 260**2 < 1
    image = np.where(truth[..., None], (60, 90, 200), (150, 150, 130)).astype(np.uint8)
    segmenter = GrabCut()
    mask = segmenter.predict(segmenter.encode(image), [(800, 350, True)])[0].mask
    assert iou(mask, truth) > 0.99
    # one pixel at working size is 8 pixels of the image
    assert ndimage.distance_transform_edt(~(truth ^ ndimage.binary_erosion(truth)))[mask ^ truth].max(initial=0) < 4


def test_small_objects_are_found_in_a_close_up() -> None:
    image = np.full((720, 1280, 3), 110, np.uint8)
    image[300:324, 900:918] = (220, 200, 30)
    segmenter = GrabCut()
    mask = segmenter.predict(segmenter.encode(image), [(909, 312, True)])[0].mask
    assert iou(mask[300:324, 900:918], np.ones((24, 18), np.bool_)) > 0.85
    assert mask.sum() < 1.3 * 24 * 18


def test_the_same_prompts_give_the_same_mask() -> None:
    film, segmenter = toy_film(0), GrabCut()
    point = [(*deepest(film.truth(1, 0)), True)]
    first, again = (GrabCut().predict(segmenter.encode(film.image(0)), point) for _ in range(2))
    assert [candidate.score for candidate in first] == [candidate.score for candidate in again]
    assert all((a.mask == b.mask).all() for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("prompt", [{}, {"points": [(3, 4, False)]}, {"mask": np.zeros((64, 96), np.bool_)}])
def test_an_empty_prompt_is_refused(prompt: dict[str, object]) -> None:
    segmenter = GrabCut()
    with pytest.raises(UserError, match="no point on the object, no box and no mask"):
        segmenter.predict(segmenter.encode(toy_film(0).image(0)), **prompt)


@pytest.mark.parametrize("point", [(0, 0), (95, 63), (95.9, 63.9), (-5, 200)])
def test_clicks_at_and_behind_the_border_are_answered(point: tuple[float, float]) -> None:
    segmenter = GrabCut()
    for candidate in segmenter.predict(segmenter.encode(toy_film(0).image(0)), [(*point, True)]):
        assert candidate.mask.shape == (64, 96)


def test_specks_and_small_holes_go() -> None:
    mask = np.zeros((40, 40), np.bool_)
    mask[5:25, 5:25] = True
    mask[10, 10] = mask[30, 30] = False
    mask[35, 35] = True
    kept = keep_components(mask, [])
    assert kept[10, 10]
    assert not kept[35, 35]
    assert keep_components(mask, [(35, 35)]).sum() == 1
