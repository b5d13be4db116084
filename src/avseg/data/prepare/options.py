"""Options of `avseg data prepare`; they are recorded next to the result."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from avseg.data.avsbench.layout import Layout, layout_for
from avseg.data.setting import SETTINGS as CLIP_SETTINGS
from avseg.data.setting import SPLITS
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError
from avseg.utils.hashing import json_digest

FrameRule = Literal["official", "second"]
OWN = "own"  # the user's own videos, not those of a benchmark
OWN_SETTING = CLIP_SETTINGS["ms3"]  # their layout
# AVSS is not prepared: its frames keep the size of their videos
SETTINGS = (OWN, *(name for name, setting in CLIP_SETTINGS.items() if not setting.semantic))
VERSION = 1  # of the written bytes: prepared sets of another version are refused


@dataclass(frozen=True)
class Options:
    """The options that decide which bytes are written."""

    setting: str = OWN  # "s4" or "ms3", the AVSBench clips listed by its index; "own", any videos, in the layout of MS3
    rule: FrameRule = "official"  # selects the frame of each second, see `clip_frames`
    size: int = 224  # side of the frames in pixels
    # own videos: length of the consecutive clips; AVSBench readers take their first 5 seconds
    clip_seconds: int = OWN_SETTING.clip_length
    split: str = "test"  # own videos: the split of all clips
    audio_track: int | None = None  # number of the sound track from 0; None = the default one
    allow_damaged: bool = False  # prepare the readable part of truncated and damaged files, which fail otherwise

    def check(self) -> None:
        """Check every value; raises `UserError` for the first one that is not allowed."""
        check_choice("--setting", self.setting, SETTINGS)
        check_choice("--frames", self.rule, get_args(FrameRule))
        check_choice("--split", self.split, SPLITS)
        if self.size < 1:
            raise UserError(f"--size {self.size} is not a number of pixels; 224 is the paper's")
        # shorter clips would lack frames that the layout names
        seconds = OWN_SETTING.clip_length if self.own else CLIP_SETTINGS[self.setting].clip_length
        if self.clip_seconds < seconds:
            raise UserError(f"--clip-seconds {self.clip_seconds}: clips of this layout have at least {seconds} seconds")
        if not self.own and self.clip_seconds != seconds:
            raise UserError(f"--clip-seconds {self.clip_seconds}: the clips of {self.setting} have {seconds} seconds")

    @property
    def own(self) -> bool:
        """True if the videos are the user's own."""
        return self.setting == OWN

    def layout(self, root: Path) -> Layout:
        """Return the layout to write."""
        return layout_for(OWN_SETTING.name if self.own else self.setting, root)

    def record(self) -> dict[str, object]:
        """Return plain values for json, including the version of the writer."""
        values = asdict(self)
        if self.audio_track is None:  # sets of earlier versions stay valid
            del values["audio_track"]
        return {"version": VERSION, **values}

    def digest(self) -> str:
        """Return 16 hexadecimal digits that identify the options."""
        return json_digest(self.record())[:16]
