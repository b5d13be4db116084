import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco

from avseg.annotate.document import rle
from avseg.utils.errors import UserError
from tests.annotate.document_helpers import refusal

masks = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=70))


@given(masks)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_mask_comes_back_and_is_what_coco_writes(mask):
    coded = rle.encode(mask)
    assert coded == {
        "size": list(mask.shape),
        "counts": coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode(),
    }
    assert np.array_equal(rle.decode(coded), mask)


@given(masks)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_runs_are_those_of_the_pixels_column_by_column(mask):
    flat = np.concatenate([[False], mask.T.ravel()])
    edges = np.flatnonzero(np.diff(flat.astype(np.int8)))
    expected = np.diff(np.concatenate([[0], edges, [mask.size]]))
    assert rle.run_lengths(rle.encode_counts(mask)).tolist() == expected.tolist()


def test_runs_of_a_large_picture():
    mask = np.zeros((2160, 3840), np.bool_)
    mask[1000:1500, 2000:3000] = True
    assert np.array_equal(rle.decode(rle.encode(mask)), mask)


@given(st.binary(max_size=40))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_bytes_that_are_no_runs_of_the_picture_never_reach_the_decoder(counts):
    said = {"size": [5, 7], "counts": counts}
    if not refusal(lambda: rle.check(said)):
        assert rle.decode(said).shape == (5, 7)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("x", "run lengths"),
        ({"size": [5, 7]}, "run lengths"),
        ({"size": [5, 7], "counts": [35]}, "ASCII"),
        ({"size": [5, 7.0], "counts": "S1"}, "size"),
        ({"size": [5, -7], "counts": "S1"}, "size"),
        ({"size": [5, 1 << 40], "counts": "S1"}, "size"),
        ({"size": [7, 5], "counts": "S1"}, "7x5"),
        ({"size": [5, 7], "counts": "T1"}, "35 pixels"),
        ({"size": [5, 7], "counts": "oooooooooo1"}, "longer than any image"),
        ({"size": [5, 7], "counts": "é"}, "ASCII"),
        ({"size": [5, 7], "counts": ""}, "not run lengths"),
    ],
)
def test_wrong_run_lengths(wrong, message):
    with pytest.raises(UserError, match=message):
        rle.check(wrong, (5, 7))


def test_the_whole_picture_and_nothing():
    for mask in (np.ones((5, 7), np.bool_), np.zeros((5, 7), np.bool_)):
        assert np.array_equal(rle.decode(rle.encode(mask)), mask)
