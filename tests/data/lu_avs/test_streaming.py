"""Streams: the right frame with the right row of the right array, in bounded memory."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from avseg.data.lu_avs import Fit, read_chunks, read_release
from avseg.data.lu_avs.ground_truth import boxes_around, cut_boxes
from tests.data.lu_avs.sample import HARD, ODD_ID, SILENT, SIZE, VAL, VARYING, row_boxes, row_masks
from tests.media.make_video import make_video, read_number


@pytest.fixture(scope="module")
def release(sample_root):
    return read_release(sample_root)


def read(release, name, rate=math.inf, **options):
    """Read a whole stream: frames by number; masks, boxes and sounding classes by number and class."""
    frames, masks, boxes, sounding = {}, {}, {}, set()
    for chunk in read_chunks(release.videos[name], rate, **options):
        for i, number in enumerate(chunk.index.tolist()):
            frames[number] = chunk.frames[i]
            masks |= {(number, label): rows[i] for label, rows in chunk.masks.items()}
            boxes |= {(number, label): rows[i] for label, rows in chunk.boxes.items()}
            sounding |= {(number, label) for label, rows in chunk.sounding.items() if rows[i]}
    return frames, masks, boxes, sounding


@pytest.mark.parametrize("name", [ODD_ID, VARYING, HARD])
@pytest.mark.parametrize(("rate", "chunk"), [(math.inf, 8), (7.0, 3), (1.0, 100)])
def test_every_frame_is_the_one_of_its_number(release, name, rate, chunk):
    frames, *_ = read(release, name, rate, frames_per_chunk=chunk)
    assert [read_number(frame.permute(1, 2, 0).numpy()) for frame in frames.values()] == list(frames)
    assert list(frames) == sorted(frames)
    if rate == math.inf:
        assert len(frames) == {ODD_ID: 40, VARYING: 45, HARD: 40}[name]


@pytest.mark.parametrize(("rate", "chunk"), [(math.inf, 8), (3.0, 5)])
def test_masks_are_the_rows_of_their_frames(release, rate, chunk):
    frames, masks, boxes, sounding = read(release, ODD_ID, rate, frames_per_chunk=chunk)
    singing = {
        **dict(zip(range(3, 20), row_masks(17), strict=True)),
        **dict(zip(range(33, 40), row_masks(7), strict=True)),
    }
    # a row short: the last one is repeated
    piano = dict(zip(range(10, 30), row_masks(19)[[*range(19), 18]], strict=True))
    for label, expected in ((2, singing), (0, piano)):
        for number in frames:
            mask = masks.get((number, label), torch.zeros(SIZE)).numpy()
            np.testing.assert_array_equal(mask, expected.get(number, np.zeros(SIZE)))
            assert ((number, label) in sounding) == (number in expected)
            box = boxes.get((number, label), torch.zeros(0, 4)).tolist()
            assert box == ([[0, 0, expected[number].sum() // SIZE[0], SIZE[0]]] if number in expected else [])


def test_a_surplus_row_and_a_surplus_last_frame_are_ignored(release):
    frames, masks, *_ = read(release, VARYING)
    np.testing.assert_array_equal(masks[11, 1].numpy(), row_masks(12)[11])
    assert not masks[12, 1].any()  # in the same chunk as the last of the segment
    np.testing.assert_array_equal(masks[44, 0].numpy(), row_masks(15)[14])
    assert max(frames) == 44


def test_boxes_without_masks_and_invalid_rows(release):
    _, masks, boxes, sounding = read(release, HARD)
    assert masks == {}
    assert {number for number, _ in sounding} == set(range(5, 25))
    rows = row_boxes(20)
    for row in range(20):
        expected = {3: [], 4: [], 5: [], 6: [[0, 0, 96, 9]]}.get(row, [rows[row].tolist()])
        assert boxes[5 + row, 1].tolist() == expected


def test_a_silent_video_has_no_ground_truth(release):
    frames, *empty = read(release, SILENT, 2.0)
    assert len(frames) == 8
    assert empty == [{}, {}, set()]


def test_frames_may_be_resized_while_masks_keep_their_size(release):
    frames, masks, *_ = read(release, ODD_ID, 2.0, fit=Fit(short_side=32))
    assert frames[0].shape == (3, 32, 48)
    assert masks[5, 2].shape == SIZE


def test_times_are_those_of_the_frames(release):
    chunks = list(read_chunks(release.videos[VAL], 5.0, frames_per_chunk=4))
    assert [len(chunk.index) for chunk in chunks] == [4] * 5
    np.testing.assert_allclose(torch.cat([chunk.seconds for chunk in chunks]), np.arange(20) / 5, atol=1e-6)


def test_boxes_around_masks_and_clipped_to_the_image():
    masks = np.zeros((3, 6, 8), bool)
    masks[0, 2:4, 1:7] = True
    masks[2, 5, 0] = True
    np.testing.assert_array_equal(boxes_around(masks), [[1, 2, 7, 4], [np.nan] * 4, [0, 5, 1, 6]])
    boxes = np.array([[-3, -2, 4, 5], [8, 0, 9, 2], [1, 1, 1, 3], [np.inf, 0, 1, 1], [0.5, 0.5, 2, 2]], np.float32)
    empty = [np.nan] * 4
    np.testing.assert_array_equal(cut_boxes(boxes, (6, 8)), [[0, 0, 4, 5], empty, empty, empty, [0.5, 0.5, 2, 2]])


PEAK = """
import resource, sys
from avseg.data.lu_avs import read_release, read_chunks
release = read_release(sys.argv[1])
(video,) = release.videos.values()
pixels = sum(int(masks.sum()) for chunk in read_chunks(video, 2.0) for masks in chunk.masks.values())
print(pixels, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length(tmp_path):
    peaks = [peak(tmp_path / str(seconds), seconds) for seconds in (10, 300)]
    assert peaks[1] < 1.1 * peaks[0], peaks


def peak(root, seconds):
    """Measure the peak memory in KB of streaming a 720p video with a mask on each frame, in a separate process."""
    frames, size = seconds * 2, (720, 1280)
    (root / "a__x__st__0__et__0").parent.mkdir(parents=True)
    make_video(root / "a.mp4", frames=frames, rate=2, size=size, options={"preset": "ultrafast"})
    entry = {"segment": [0, frames], "label": "x", "label_id": 0}
    video = {"duration": seconds, "fps": 2, "subset": "test", "annotations": [entry]}
    (root / "seg_test.json").write_text(json.dumps({"a": video}))
    folder = root / f"a__x__st__0__et__{frames}"
    folder.mkdir()
    # a sparse file takes no space on disk
    np.lib.format.open_memmap(folder / "masks.npy", mode="w+", dtype=bool, shape=(frames, *size))[:, 0, 0] = True
    process = subprocess.run(
        [sys.executable, "-c", PEAK, root], capture_output=True, text=True, check=True, timeout=110
    )
    pixels, kilobytes = map(int, process.stdout.split())
    assert pixels == seconds * 2
    return kilobytes
