"""Descriptions of data sets of clips: one object for all properties of a data set that the code depends on."""

from dataclasses import dataclass
from typing import Literal

from avseg.utils.errors import UserError, nearest

SPLITS = ("train", "val", "test")

MaskCoding = Literal["black_white", "palette", "class_colours"]


@dataclass(frozen=True)
class ClipEntry:
    """One clip of a data set, a row of its index file."""

    name: str  # unique in its split
    category: str = ""  # of the sounding object; empty where the data set does not say (MS3)
    split: str = ""  # "train", "val" or "test"
    start: float = 0.0  # second of the original video at which the clip begins
    subset: str = ""  # AVSS only: "v1s", "v1m" or "v2"


@dataclass(frozen=True)
class ClipSetting:
    """Properties of a data set of short clips with one frame per second."""

    name: str  # its name in configurations, such as "s4"
    clip_length: int = 5  # T, frames and seconds of a batch
    num_classes: int = 1  # 1 for sounding or not, otherwise the number of classes, background included
    splits: tuple[str, ...] = SPLITS
    # numbers of frames that a clip can have on disk; shorter ones are padded to `clip_length`
    clip_lengths: tuple[int, ...] = (5,)
    # "black_white": sounding from half brightness on; "palette": every index but 0 is sounding; "class_colours": one
    # RGB colour per class
    mask_coding: MaskCoding = "black_white"
    first_frame_only: bool = False  # True if only the first frame of a training clip is annotated
    single_source: bool = False  # True if each clip has one category and at most one object sounds at a time
    fixed_size: bool = True  # True if all frames on disk should have one size
    repeat_sound: bool = True  # a sound shorter than its clip repeats its last item; False fills with zeros (AVSS)

    @property
    def semantic(self) -> bool:
        """True if masks hold class indices instead of sounding or not."""
        return self.num_classes > 1

    def __str__(self) -> str:
        return self.name


SETTINGS = {
    "s4": ClipSetting("s4", first_frame_only=True, single_source=True),
    "ms3": ClipSetting("ms3", mask_coding="palette"),
    "avss": ClipSetting(
        "avss",
        clip_length=10,
        num_classes=71,
        clip_lengths=(5, 10),
        mask_coding="class_colours",
        fixed_size=False,
        repeat_sound=False,
    ),
}


def find_setting(name: str) -> ClipSetting:
    """Return the AVSBench setting with this name; raises `UserError` for an unknown one."""
    if name not in SETTINGS:
        raise UserError(f"data setting '{name}' is unknown; allowed: {', '.join(SETTINGS)}{nearest(name, SETTINGS)}")
    return SETTINGS[name]
