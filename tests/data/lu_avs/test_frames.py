"""Frames for the visual branches: numbers, masks and boxes agree at any size."""

import numpy as np
import pytest
import torch

from avseg.data.lu_avs import Fit, read_release
from avseg.data.lu_avs.batches import collate_frames
from avseg.data.lu_avs.frames import FrameDataset, objects_at
from avseg.data.lu_avs.resize import Objects
from avseg.data.lu_avs.sound import sounding_frames
from avseg.media.frame_index import frame_index
from avseg.utils.errors import UserError
from tests.data.lu_avs.sample import HARD, ODD_ID, SILENT, VARYING
from tests.media.make_video import read_number


@pytest.fixture(scope="module")
def release(sample_root):
    return read_release(sample_root)


def frames_of(release, *names, fit=None, with_masks=True, **settings):
    return FrameDataset([release.videos[name] for name in names], fit or Fit(), with_masks=with_masks, **settings)


def number_of(batch):
    frame = batch.frames[0, :, : batch.sizes[0, 0], : batch.sizes[0, 1]]
    return read_number(frame.permute(1, 2, 0).numpy())


def test_a_frame_comes_with_its_objects(release):
    dataset = frames_of(release, ODD_ID, VARYING, per_video=5)
    assert len(dataset) == 10
    for epoch in range(3):
        for item in range(10):
            batch = dataset[(epoch, item)]
            number = int(batch.index)
            assert number_of(batch) == number
            video = release.videos[batch.video_id[0]]
            on = [segment for segment in video.segments if segment.start <= number < segment.end]
            assert on  # none of these frames is silent
            assert batch.classes[0].tolist() == [segment.label for segment in on]
            columns = [min(number - s.start, 18 if s.label == 0 and s.end == 30 else 99) + 1 for s in on]
            assert batch.masks[0].sum((1, 2)).tolist() == [64 * c for c in columns]
            assert batch.boxes[0].tolist() == [[0, 0, c, 64] for c in columns]
            assert batch.video_classes[0].tolist() == video.classes


def test_the_frames_of_a_video_are_spread_over_what_sounds(release):
    dataset = frames_of(release, ODD_ID, per_video=4)
    sounding = np.flatnonzero(sounding_frames(release.videos[ODD_ID], frame_index(release.videos[ODD_ID].path)))
    drawn = np.array([[int(dataset[(epoch, item)].index) for item in range(4)] for epoch in range(25)])
    for item, stratum in enumerate(np.array_split(sounding, 4)):
        assert set(drawn[:, item]) <= {*stratum, stratum[0] - 1, stratum[-1] + 1} | set(
            sounding[np.isin(sounding, stratum)]
        )
        assert len(set(drawn[:, item])) > 3
    assert set(drawn.ravel()) <= set(sounding)


def test_silent_frames_come_when_requested(release):
    dataset = frames_of(release, ODD_ID, SILENT, per_video=2, silent_share=1.0)
    for item in range(4):
        batch = dataset[(0, item)]
        assert batch.classes[0].tolist() == []
        assert batch.masks[0].shape == (0, 64, 96)
        assert batch.boxes[0].shape == (0, 4)
    assert frames_of(release, SILENT)[0].classes[0].tolist() == []  # the video has only silent frames


def test_draws_depend_on_seed_epoch_and_item_only(release):
    def draw(seed, epoch):
        return [int(frames_of(release, ODD_ID, seed=seed)[(epoch, item)].index) for item in range(8)]

    assert draw(1, 5) == draw(1, 5)
    assert draw(1, 5) != draw(1, 6)
    assert draw(1, 5) != draw(2, 5)
    plain = frames_of(release, ODD_ID, mirror=1.0)
    assert [int(plain[item].index) for item in range(8)] == [int(plain[item].index) for item in range(8)]
    assert all(number_of(plain[item]) == int(plain[item].index) for item in range(8))  # never mirrored


@pytest.mark.parametrize(
    ("fit", "size"),
    [
        (Fit(32), (32, 48)),
        (Fit(200), (200, 300)),
        (Fit(200, long_side=150), (100, 150)),
        (Fit(48, square=True), (48, 48)),
        (Fit(), (64, 96)),
    ],
)
@pytest.mark.parametrize("mirror", [0.0, 1.0])
def test_masks_and_boxes_are_resized_with_the_frame(release, fit, size, mirror):
    batch = frames_of(release, ODD_ID, fit=fit, mirror=mirror)[(0, 4)]
    assert batch.frames.shape == (1, 3, *size)
    assert batch.sizes.tolist() == [list(size)]
    number = int(batch.index)
    frame = batch.frames.flip(-1) if mirror else batch.frames
    assert read_number(frame[0].permute(1, 2, 0).numpy()) == number
    original = objects_at(release.videos[ODD_ID], frame_index(release.videos[ODD_ID].path), number, True)
    scale = torch.tensor([size[1] / 96, size[0] / 64] * 2)
    expected = original.boxes * scale
    if mirror:
        left, top, right, bottom = expected.unbind(1)
        expected = torch.stack([size[1] - right, top, size[1] - left, bottom], 1)
    torch.testing.assert_close(batch.boxes[0], expected)
    for mask, box in zip(batch.masks[0], batch.boxes[0], strict=True):
        columns = mask.any(0).nonzero()
        assert abs(int(columns.min()) - float(box[0])) <= 1
        assert abs(int(columns.max()) + 1 - float(box[2])) <= 1


def test_objects_without_a_remaining_pixel_are_dropped():
    masks = torch.zeros(2, 64, 64, dtype=torch.bool)
    masks[0, 0, 0] = True
    masks[1, 10:50, 10:50] = True
    objects = Objects(masks, torch.tensor([[0.0, 0, 1, 1], [10, 10, 50, 50]]), torch.tensor([3, 4]), (64, 64))
    small = objects.resized((8, 8))
    assert small.classes.tolist() == [4]
    assert small.masks.shape == (1, 8, 8)
    assert small.boxes.tolist() == [[1.25, 1.25, 6.25, 6.25]]


def test_boxes_without_masks_from_files_and_from_masks(release):
    dataset = frames_of(release, HARD, ODD_ID, with_masks=False, per_video=10)
    numbers = {}
    for item in range(20):
        batch = dataset[(0, item)]
        assert batch.masks is None
        numbers.setdefault(batch.video_id[0], {})[int(batch.index)] = batch.boxes[0].tolist()
    for number, boxes in numbers[HARD].items():
        row = number - 5
        assert boxes == {3: [], 4: [], 5: [], 6: [[0, 0, 96, 9]]}.get(row, [[row, 1, row + 10, 9]])
    assert all(boxes for boxes in numbers[ODD_ID].values())


def test_a_batch_is_padded_at_the_right_and_bottom(release, toy_root):
    toy = read_release(toy_root)
    name = next(video.id for video in toy.subset("train") if video.has_masks)
    small, large = frames_of(toy, name)[0], frames_of(release, ODD_ID)[0]
    batch = collate_frames([small, large])
    assert batch.frames.shape == (2, 3, 64, 96)
    assert torch.equal(batch.frames[0, :, :32, :48], small.frames[0])
    assert not batch.frames[0, :, 32:].any()
    assert not batch.frames[0, :, :, 48:].any()
    assert [mask.shape[1:] for mask in batch.masks] == [(64, 96)] * 2
    assert torch.equal(batch.masks[0][:, :32, :48], small.masks[0])
    assert batch.masks[0].sum() == small.masks[0].sum()
    assert batch.sizes.tolist() == [[32, 48], [64, 96]]
    assert len(batch.to("cpu")) == 2


def test_invalid_sizes_are_reported():
    for options in ({"short_side": 0}, {"short_side": 5, "long_side": -1}):
        with pytest.raises(UserError, match="use 1 pixel or more"):
            Fit(**options)
