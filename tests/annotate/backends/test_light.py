from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from avseg.annotate.backends.light.background import background_cells
from avseg.annotate.backends.light.features import CELL, CellFeatures
from avseg.annotate.backends.light.memory import BLOCK, NEAREST, REACH, TEMPERATURE, MemoryFrame, read_memory
from avseg.annotate.backends.light.propagator import LightAffinity
from avseg.annotate.backends.light.torch_file import read_weights
from avseg.annotate.backends.light.window import CELLS, Window, window_around
from avseg.annotate.protocols import Image, Mask
from avseg.annotate.quality.scores import iou
from avseg.nn.efficientnet_lite import BACKBONE, package_file
from avseg.nn.pretrained import create_encoder
from avseg.utils.errors import UserError


@pytest.fixture(scope="module")
def propagator() -> LightAffinity:
    return LightAffinity()


def wall() -> Image:
    noise = np.random.default_rng(0).integers(60, 200, (20, 30, 3))
    return np.kron(noise, np.ones((8, 8, 1))).astype(np.uint8)


def disk(x: float, y: float, radius: float = 18) -> tuple[Image, Mask]:
    rows, columns = np.mgrid[:160, :240]
    mask = (rows - y) ** 2 + (columns - x) ** 2 < radius**2
    stripes = np.where((columns - round(x)) % 8 < 4, 230, 30)
    image = wall()
    image[mask] = np.stack([stripes, 255 - stripes, stripes // 2], -1)[mask]
    return image, mask


def test_an_object_is_followed_and_reads_itself_back(propagator: LightAffinity) -> None:
    propagator.reset([3])
    propagator.step(disk(60, 70)[0], {3: disk(60, 70)[1]})
    for x in (64, 70, 77, 85):
        image, truth = disk(x, 70)
        step = propagator.step(image)
        assert iou(step.probabilities[3] > 0.5, truth) > 0.85
        assert step.affinity is not None
        assert step.affinity[3].returned is not None
        assert step.affinity[3].returned > 0.6


def test_what_is_no_longer_there_does_not_read_itself_back(propagator: LightAffinity) -> None:
    propagator.reset([1])
    propagator.step(disk(60, 70)[0], {1: disk(60, 70)[1]})
    seen = propagator.step(disk(62, 70)[0]).affinity
    gone = propagator.step(wall()).affinity
    assert seen is not None
    assert gone is not None
    assert seen[1].returned is not None
    assert gone[1].returned is not None
    assert gone[1].returned < seen[1].returned - 0.15


def test_each_pixel_belongs_to_one_object(propagator: LightAffinity) -> None:
    propagator.reset([1, 2])
    image, left = disk(60, 70)
    right = np.roll(left, 40, axis=1)
    image[right] = (250, 240, 20)
    propagator.step(image, {1: left, 2: right})
    probabilities = propagator.step(image).probabilities
    assert not ((probabilities[1] > 0.5) & (probabilities[2] > 0.5)).any()
    assert iou(probabilities[2] > 0.5, right) > 0.8


def test_unknown_objects_and_other_sizes_are_refused(propagator: LightAffinity) -> None:
    propagator.reset([1])
    image, mask = disk(60, 70)
    with pytest.raises(UserError, match="5 was not passed to reset"):
        propagator.step(image, {5: mask})
    propagator.step(image, {1: mask})
    with pytest.raises(UserError, match="reset for another video"):
        propagator.step(image[:100])


def test_a_block_reads_what_a_search_over_all_cells_reads() -> None:
    query, key = np.random.default_rng(1).random((2, CELLS, CELLS, 5), np.float32)
    shares = np.random.default_rng(2).random((CELLS, CELLS), np.float32)
    shares[:, :20] = -1  # outside of the image
    evidence = read_memory(query, [MemoryFrame(key, shares)], np.ones((CELLS, CELLS), np.float32)).evidence
    for row, column in ((0, 40), (37, 30), (71, 71)):
        low_row, low_column = (BLOCK * (index // BLOCK) - REACH for index in (row, column))
        candidates = []
        for i in range(max(low_row, 0), min(low_row + BLOCK + 2 * REACH, CELLS)):
            for j in range(max(low_column, 20), min(low_column + BLOCK + 2 * REACH, CELLS)):
                candidates.append((float(query[row, column] @ key[i, j]), float(shares[i, j])))
        candidates.sort(reverse=True)
        values = np.array(candidates[:NEAREST])
        weights = np.exp((values[:, 0] - values[0, 0]) / TEMPERATURE)
        assert evidence[row, column] == pytest.approx((weights * values[:, 1]).sum() / weights.sum(), abs=1e-4)


@pytest.mark.parametrize("window", [Window(-30, -20, 1), Window(100, 50, 3), Window(-400, 900, 2), Window(3, 2, 1)])
def test_a_window_cut_out_and_put_back_is_the_image_where_it_lies_in_it(window: Window) -> None:
    values = np.random.default_rng(0).random((90, 140)).astype(np.float32)
    cut = window.cut(values)
    assert cut.shape == (window.side, window.side)
    for row, column in ((0, 0), (10, 60), (window.side - 1, window.side - 1)):
        y, x = min(max(window.top + row, 0), 89), min(max(window.left + column, 0), 139)
        assert cut[row, column] == values[y, x]


def test_the_first_window_is_twice_as_large_as_the_object() -> None:
    mask = np.zeros((400, 600), np.bool_)
    mask[100:200, 250:394] = True
    window = window_around(mask)
    assert (window.side, window.left, window.top) == (288, 322 - 144, 150 - 144)
    assert not window_around(np.zeros((40, 60), np.bool_)).inside((40, 60)).all()


def test_the_features_are_those_of_timm() -> None:
    image = np.random.default_rng(3).integers(0, 256, (64, 96, 3)).astype(np.uint8)
    network = create_encoder(BACKBONE, "package").eval()
    with torch.inference_mode():
        x = torch.from_numpy(image / 127.5 - 1).float().permute(2, 0, 1)[None]
        levels = network(x)[1:4]  # strides 4, 8 and 16
        units = []
        for level in levels:
            aligned = F.interpolate(level, (64 // CELL, 96 // CELL), mode="bilinear", align_corners=False)
            units.append(F.normalize(aligned, dim=1))
        expected = torch.cat(units, 1)[0].permute(1, 2, 0).numpy() / 3**0.5
    np.testing.assert_allclose(CellFeatures(64, 96)(image), expected, atol=1e-4)


def test_weights_are_read_as_torch_reads_them() -> None:
    expected = torch.load(package_file(BACKBONE), weights_only=True)
    weights = read_weights(package_file(BACKBONE))
    assert list(weights) == list(expected)
    for name, tensor in expected.items():
        np.testing.assert_array_equal(weights[name], tensor.numpy())


@pytest.mark.parametrize("content", ["code", "other", "short", "larger"])
def test_a_file_with_anything_but_weights_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "weights.pth"
    weights = {"a": torch.zeros(50)}
    value = {"code": {"a": Path("x")}, "other": [1, 2], "short": weights, "larger": weights}[content]
    torch.save(value, path, _use_new_zipfile_serialization=False)
    if content == "short":
        path.write_bytes(path.read_bytes()[:-40])
    if content == "larger":  # 99 values of a storage of 50
        path.write_bytes(path.read_bytes().replace(b"K\x32\x85", b"K\x63\x85"))
    with pytest.raises(UserError, match=r"weights.pth: not a file of weights"):
        read_weights(path)


def test_a_cell_of_known_background_is_not_the_object_though_only_the_object_is_nearby() -> None:
    directions = np.eye(3, dtype=np.float32)
    query = np.tile(directions[0], (CELLS, CELLS, 1))
    similar = 0.7 * directions[0] + 0.7 * directions[1]
    memory = [MemoryFrame(np.tile(similar, (CELLS, CELLS, 1)), np.ones((CELLS, CELLS), np.float32))]
    probable = np.ones((CELLS, CELLS), np.float32)
    assert read_memory(query, memory, probable).evidence.min() > 0.99
    known = np.repeat(0.95 * directions[:1], NEAREST, 0)
    assert read_memory(query, memory, probable, known).evidence.max() < 0.05
    other = np.repeat(0.95 * directions[2:], NEAREST, 0)
    assert read_memory(query, memory, probable, other).evidence.min() > 0.99


def test_background_is_what_is_outside_of_the_object_and_inside_of_the_image() -> None:
    features = np.zeros((CELLS, CELLS, 4), np.float32)
    shares = np.zeros((CELLS, CELLS), np.float32)
    features[..., 0] = 1
    features[:30], shares[:30] = (0, 1, 0, 0), 1  # the object
    features[60:], shares[60:] = (0, 0, 1, 0), -1  # outside of the image
    features[45, 50] = (0, 0, 0, 1)  # different from all others
    cells = background_cells([MemoryFrame(features, shares)])
    assert sorted(map(tuple, cells)) == [(0, 0, 0, 1), (1, 0, 0, 0)]
    assert background_cells([MemoryFrame(features, np.ones_like(shares))]).shape == (0, 4)


def red_object_and_dark_body() -> tuple[Image, Mask]:
    """Draw a red object with a dark rim below, and a dark body far above it, in front of green."""
    rng = np.random.default_rng(0)
    image = (np.array((120, 150, 120)) + rng.integers(0, 12, (160, 240, 3))).astype(np.uint8)
    image[10:80, 70:150] = np.kron(rng.integers(10, 60, (35, 40, 1)), np.ones((2, 2, 3)))
    image[112:148, 80:150] = (200, 40, 40)
    image[136:148, 84:146] = rng.integers(20, 70, (12, 62, 1))
    mask = np.zeros((160, 240), np.bool_)
    mask[112:148, 80:150] = True
    return image, mask


def test_known_background_in_place_of_the_object_is_not_the_object(propagator: LightAffinity) -> None:
    image, mask = red_object_and_dark_body()
    propagator.reset([1])
    propagator.step(image, {1: mask})
    later = image.copy()
    later[112:148, 80:150] = image[10:46, 72:142]  # far from the object in the accepted frame
    probability = propagator.step(later).probabilities[1]
    assert np.count_nonzero(probability > 0.5) < 0.1 * np.count_nonzero(mask)  # 0.95 of it without the background


def test_known_background_that_appears_next_to_the_object_does_not_join_it(propagator: LightAffinity) -> None:
    image, mask = red_object_and_dark_body()
    propagator.reset([1])
    propagator.step(image, {1: mask})
    later = image.copy()
    for height in (4, 8, 12, 12, 12):  # as from behind the lower border
        later[148 : 148 + height, 80:150] = image[10 : 10 + height, 72:142]
        probability = propagator.step(later).probabilities[1]
    assert iou(probability > 0.5, mask) > 0.85  # 0.76 without the background
