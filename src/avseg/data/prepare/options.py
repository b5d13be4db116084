"""What can be chosen when raw videos are prepared; all of it is recorded beside the result."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal

from avseg.data.avsbench.layout import SPLITS, Layout, layout_for
from avseg.utils.errors import UserError, nearest

Rule = Literal["official", "second"]
RULES = ("official", "second")
OWN = "own"
SETTINGS = (OWN, "s4", "ms3")
BENCHMARK_SECONDS = 5
VERSION = 1  # of what is written; a change makes prepared sets stale


@dataclass(frozen=True)
class Options:
    """The choices that decide which bytes are written.

    Attributes:
        setting: "s4" or "ms3", the clips of AVSBench named by its index file; "own", any videos, laid out as MS3.
        rule: which frame stands for a second, see `moments.clip_frames`.
        size: side of the pictures in pixels.
        clip_seconds: own videos: seconds of each of the consecutive clips; the readers of AVSBench take the first 5.
        split: own videos: the split that all their clips go to.
        allow_damaged: prepare what there is of truncated and damaged files; otherwise they fail.
    """

    setting: str = OWN
    rule: Rule = "official"
    size: int = 224
    clip_seconds: int = BENCHMARK_SECONDS
    split: str = "test"
    allow_damaged: bool = False

    def check(self) -> None:
        """Raises `UserError` for what is not allowed."""
        _check_choice("--setting", self.setting, SETTINGS)
        _check_choice("--frames", self.rule, RULES)
        _check_choice("--split", self.split, SPLITS)
        if self.size < 1:
            raise UserError(f"--size {self.size} is not a number of pixels; 224 is the paper's")
        if self.clip_seconds < BENCHMARK_SECONDS:
            raise UserError(f"--clip-seconds {self.clip_seconds}: clips of AVSBench's layout have at least 5 seconds")
        if self.setting != OWN and self.clip_seconds != BENCHMARK_SECONDS:
            raise UserError(f"--clip-seconds {self.clip_seconds}: the clips of {self.setting} have 5 seconds")

    @property
    def own(self) -> bool:
        """Whether these are the user's own videos."""
        return self.setting == OWN

    def layout(self, root: object) -> Layout:
        """The folder tree that the clips go to: own videos to that of MS3."""
        return layout_for("ms3" if self.own else self.setting, str(root))

    def record(self) -> dict[str, object]:
        """As plain values, the version of the writer included."""
        return {"version": VERSION, **asdict(self)}

    def digest(self) -> str:
        """16 hexadecimal digits that tell one choice of options from another."""
        return hashlib.sha256(json.dumps(self.record(), sort_keys=True).encode()).hexdigest()[:16]


def _check_choice(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UserError(f"{option} '{value}' is unknown; allowed: {', '.join(allowed)}{nearest(value, allowed)}")
