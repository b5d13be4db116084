import numpy as np
import pytest

from avseg.annotate.backends.grabcut.region_growing import _cut_weights, box_foreground, grow_regions
from avseg.annotate.backends.grabcut.superpixels import split_superpixels
from avseg.annotate.quality.scores import iou


def scene() -> tuple[np.ndarray, np.ndarray]:
    image = np.full((90, 120, 3), (120, 130, 110), np.uint8)
    image[:, ::2] += 4
    truth = np.zeros((90, 120), np.bool_)
    truth[25:65, 30:80] = True
    image[truth] = (180, 60, 50)
    return image, truth


def test_superpixels_follow_edges() -> None:
    image, truth = scene()
    superpixels = split_superpixels(image)
    assert superpixels.size.sum() == image.shape[0] * image.shape[1]
    assert (superpixels.covered_share(truth) * (1 - superpixels.covered_share(truth)) < 0.1).mean() > 0.95
    assert (superpixels.border == superpixels.border.T).all()
    assert (superpixels.border.diagonal() == 0).all()
    # neighbours by a plain count
    right = {
        (int(a), int(b)) for a, b in zip(superpixels.label[:, :-1].flat, superpixels.label[:, 1:].flat, strict=True)
    }
    down = {(int(a), int(b)) for a, b in zip(superpixels.label[:-1].flat, superpixels.label[1:].flat, strict=True)}
    expected = {tuple(sorted(pair)) for pair in right | down if pair[0] != pair[1]}
    assert {(int(a), int(b)) for a, b in zip(*np.nonzero(np.triu(superpixels.border)), strict=True)} == expected


def test_a_region_grows_to_the_strongest_border() -> None:
    image, truth = scene()
    regions = grow_regions(split_superpixels(image), [(45, 50)], [])
    assert iou(regions[0][0], truth) > 0.9
    assert regions[0][1] > regions[-1][1]
    assert all(0 <= score <= 1 for _, score in regions)


def test_a_negative_point_never_adds() -> None:
    image, _ = scene()
    superpixels = split_superpixels(image)
    alone = grow_regions(superpixels, [(45, 50)], [])[0][0]
    for place in ((45, 75), (10, 10), (30, 35)):
        less = grow_regions(superpixels, [(45, 50)], [place])[0][0]
        assert not (less & ~alone).any()
        assert less[45, 50]
        assert not less[place]


def test_colours_that_continue_outside_of_the_box_are_excluded() -> None:
    image, truth = scene()
    image[70:80] = (40, 60, 200)  # a shelf through the whole image
    inside = np.zeros(truth.shape, np.bool_)
    inside[18:85, 24:86] = True
    assert iou(box_foreground(split_superpixels(image), inside), truth) > 0.85
    everything = np.ones(truth.shape, np.bool_)
    assert box_foreground(split_superpixels(image), everything).all()


def test_cut_weights_by_brute_force() -> None:
    rng = np.random.default_rng(0)
    weight = rng.random((7, 7))
    weight = weight + weight.T
    np.fill_diagonal(weight, 0)
    order = rng.permutation(7)
    for k, found in enumerate(_cut_weights(weight, order)):
        first, rest = order[: k + 1], order[k + 1 :]
        assert found == pytest.approx(weight[np.ix_(first, rest)].sum())
