"""The annotation files of VGG-SS and Flickr-SoundNet with their peculiarities, and the truths drawn from them."""

import json
from pathlib import Path

import numpy as np
import pytest

from avseg.data.localisation import (
    Box,
    flickr_truth,
    mssl_flickr_truth,
    read_flickr,
    read_vgg_ss,
    vgg_ss_truth,
)
from avseg.utils.errors import UserError
from tests.models.golden_pairs import reference

FLICKR = """<?xml version="1.0"?>
<annotation>
  <filename>10000130166.jpg</filename>
  <object><name>first</name>
    <bbox><label>car</label><xmin>20</xmin><ymin>30</ymin><xmax>120</xmax><ymax>200</ymax><extra>9</extra></bbox>
    <bbox><label/><a>1</a><b>2</b><c>3</c><d>5</d></bbox>
  </object>
  <object><size>256</size></object>
  <object><bbox><label>ambient</label><xmin>60</xmin><ymin>50</ymin><xmax>200</xmax><ymax>250</ymax></bbox></object>
</annotation>
"""


def test_vgg_ss_has_fractions_outside_of_the_image(tmp_path: Path) -> None:
    file = tmp_path / "vggss.json"
    entries = [
        {"file": "a_000030", "class": "dog", "bbox": [[-0.1, 0.5, 0.25, 1.2], [0.2, 0.4, 0.5, 0.6]]},
        {"file": "b_000001", "class": "cat", "bbox": [[0.999, 0.1, 0.999, 0.2]]},
        {"file": "c_000002", "class": "cat", "bbox": []},
    ]
    file.write_text("\ufeff" + json.dumps(entries), encoding="utf-8")
    boxes = read_vgg_ss(file)
    assert list(boxes) == ["a_000030", "b_000001", "c_000002"]
    expected = np.zeros((224, 224), np.float32)
    expected[112:, 0:56] = 1  # rounded towards zero, a negative number is 0
    expected[89:134, 44:112] = 1  # the overlap counts once
    assert np.array_equal(vgg_ss_truth(boxes["a_000030"]), expected)
    assert vgg_ss_truth(boxes["b_000001"]).sum() == 0
    assert vgg_ss_truth(boxes["c_000002"]).sum() == 0


def test_flickr_boxes_begin_with_a_label(tmp_path: Path) -> None:
    file = tmp_path / "10000130166.xml"
    file.write_text(FLICKR)
    boxes = read_flickr(file)
    assert boxes == [Box(20, 30, 120, 200), Box(1, 2, 3, 5), Box(60, 50, 200, 250)]
    expected = np.zeros((224, 224), np.float32)
    expected[26:175, 17:105] += 0.5
    expected[1:4, 0:2] += 0.5
    expected[43:218, 52:175] += 0.5
    assert np.array_equal(flickr_truth(boxes), expected)
    assert expected.max() == 1
    # three annotators are no more than two
    assert flickr_truth([boxes[0]] * 3).max() == 1


def test_the_truth_of_mssl_is_the_authors() -> None:
    truth = mssl_flickr_truth([Box(20, 30, 120, 200), Box(60, 50, 200, 250)])
    assert np.array_equal(truth[::8, ::8], reference("mssl")["frontend.gtmap"].numpy())
    assert truth.mean() == pytest.approx(float(reference("mssl")["frontend.gtmap_mean"]))


def brute_force(boxes: list[Box], size: int, extent: float, share: float) -> np.ndarray:
    """Loop over pixels: a pixel's column is at or behind the left side, rounded to zero, and before the right one."""
    truth = np.zeros((size, size), np.float32)
    for row in range(size):
        for column in range(size):
            for left, top, right, bottom in boxes:
                inside = int(size * left / extent) <= column < int(size * right / extent)
                if inside and int(size * top / extent) <= row < int(size * bottom / extent):
                    truth[row, column] += share
    return np.minimum(truth, 1)


def test_boxes_over_every_border_equal_a_loop_over_pixels() -> None:
    rng = np.random.default_rng(0)
    for count in (0, 1, 2, 4):
        # a quarter of the sides is outside of the image; some boxes are empty or inside out
        corners = rng.uniform(-0.3, 1.3, (count, 4))
        fractions = [Box(*row) for row in corners.tolist()]
        assert np.array_equal(vgg_ss_truth(fractions, 32), brute_force(fractions, 32, 1, 1))
        pixels = [Box(*row) for row in np.round(256 * corners).tolist()]
        assert np.array_equal(flickr_truth(pixels, 32), brute_force(pixels, 32, 256, 0.5))
    # over the left and upper border
    assert flickr_truth([Box(-16, -16, 128, 128)] * 2, 32).sum() == 16 * 16
    assert mssl_flickr_truth([Box(0, 0, 11, 11)] * 2).sum() == 10 * 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "is not a list of clips"),
        ("[", "is not a readable json"),
        ('[{"file": "a"}]', "entry 0: expected 'file' and 'bbox'"),
        ('[{"file": "a", "bbox": [[0, 1, 2]]}]', "entry 0: expected 'file' and 'bbox'"),
        ('[{"file": "a", "bbox": []}, {"file": "a", "bbox": []}]', "entry 1: clip 'a' is listed twice"),
    ],
)
def test_a_damaged_json_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "vggss.json"
    file.write_text(text)
    with pytest.raises(UserError) as caught:
        read_vgg_ss(file)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<a>", "is not a readable xml"),
        ("<a><b><bbox><x>l</x><x>1</x><x>2.5</x><x>3</x><x>4</x></bbox></b></a>", "a label and 4 whole numbers"),
        ("<a><b><bbox><x>l</x><x>1</x></bbox></b></a>", "a label and 4 whole numbers"),
    ],
)
def test_a_damaged_xml_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "a.xml"
    file.write_text(text)
    with pytest.raises(UserError, match=message):
        read_flickr(file)
    with pytest.raises(UserError, match="is not a readable xml"):
        read_flickr(tmp_path / "missing.xml")
