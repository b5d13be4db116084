"""Example clips of a data set with the seconds that carry a label, for Figure A2 of the AVS paper's supplementary."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avseg.audio.frontend import NoSound
from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.avsbench.layout import layout_for
from avseg.data.lu_avs.ground_truth import segment_masks
from avseg.data.lu_avs.release import read_release
from avseg.data.lu_avs.resize import Fit
from avseg.data.lu_avs.sound import sounding_frames
from avseg.data.lu_avs.streaming import read_frames
from avseg.data.lu_avs.types import LUVideo
from avseg.data.setting import SETTINGS, SPLITS
from avseg.media.frame_index import frame_index
from avseg.media.images import read_frames as read_images
from avseg.media.images import read_masks
from avseg.utils.iteration import evenly_spaced

_SIDE = 224  # pixels
_SECONDS = 8  # of a long video


@dataclass(eq=False)
class ExampleClip:
    """T frames of a clip, or of a long video at even distances."""

    name: str
    category: str  # empty where the data set does not say; several of a long video
    split: str
    frames: npt.NDArray[np.uint8]  # (T, H, W, 3)
    masks: npt.NDArray[np.uint8]  # (T, H, W), 1 = sounding (AVSS: class indices); 0 where there is no label
    annotated: npt.NDArray[np.bool_]  # (T,) frames with a label; of long videos those in an audible segment
    times: Sequence[float]  # of a clip its seconds from 1, of a long video times in seconds


def read_examples(root: Path, setting: str, per_split: int) -> list[ExampleClip]:
    """Read some clips of each split, of different categories where the set has them, the same each time.

    Raises:
        UserError: missing or damaged files.
    """
    clips = []
    if setting not in SETTINGS:
        release = read_release(root, skip_missing=True)
        for split in SPLITS:
            videos = evenly_spaced(release.subset(split), per_split)
            clips += [_read_video(video, release.labels) for video in videos]
        return clips
    layout = layout_for(setting, root)
    for split in SPLITS:
        entries = layout.entries(split)
        if entries:
            dataset = AVSBenchDataset(layout.root, setting, split, _SIDE, frontend=NoSound())
            order = sorted(range(len(entries)), key=lambda index: (entries[index].category, index))
            clips += [_read_clip(dataset, index) for index in evenly_spaced(order, per_split)]
    return clips


def _read_clip(dataset: AVSBenchDataset, index: int) -> ExampleClip:
    entry = dataset.entries[index]
    frames, sizes = read_images(dataset.layout.frames(entry), dataset.rule)  # (n, 3, H, W)
    paths = dataset.layout.masks(entry)
    masks = np.zeros((len(frames), _SIDE, _SIDE), np.uint8)
    annotated = np.zeros(len(frames), np.bool_)
    if paths[0].is_file():  # prepared videos have no masks
        labels = read_masks(paths, dataset.rule, sizes)  # (m, H, W)
        masks[: len(labels)] = labels.numpy()
        annotated[: len(labels)] = True
    images = frames.permute(0, 2, 3, 1).numpy()
    return ExampleClip(entry.name, entry.category, dataset.split, images, masks, annotated, range(1, len(frames) + 1))


def _read_video(video: LUVideo, labels: Sequence[str]) -> ExampleClip:
    index = frame_index(video.path)
    seconds = index.video.times
    numbers = np.linspace(0, len(index) - 1, min(_SECONDS, len(index))).round().astype(np.int64)  # (T,)
    size = Fit(short_side=_SIDE).frame_size(index.video)
    frames = read_frames(index, numbers, size).permute(0, 2, 3, 1).numpy()
    masks = np.zeros((len(numbers), *size), np.uint8)
    original = (index.video.height, index.video.width)
    rows = np.arange(size[0]) * original[0] // size[0]  # nearest neighbour
    columns = np.arange(size[1]) * original[1] // size[1]
    for segment in video.segments if video.has_masks else ():
        masks |= segment_masks(segment, numbers, original)[:, rows][:, :, columns]
    annotated = sounding_frames(video, index)[numbers]
    category = ", ".join(labels[number] for number in video.classes)
    return ExampleClip(video.id, category, video.subset, frames, masks, annotated, seconds[numbers].tolist())
