"""How many clips a set should hold: the published numbers, or those that the maker of a made set wrote down.

AVSBench: Zhou et al., ECCV 2022, section 3.2 and the project page (its example: 311 clips of helicopters); AVSS: Zhou
et al., "Audio-Visual Segmentation with Semantics", arXiv 2301.13190; LU-AVS: Liu et al., CVPR 2024, table 1, which
gives no numbers per split, and of which about a tenth was never released.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from avseg.data.avsbench.index import SPLITS
from avseg.utils.errors import UserError

S4_CATEGORIES = (
    *("ambulance_siren", "baby_laughter", "cap_gun_shooting", "cat_meowing", "chainsawing_trees", "coyote_howling"),
    *("dog_barking", "driving_buses", "female_singing", "helicopter", "horse_clip-clop", "lawn_mowing"),
    *("lions_roaring", "male_speech", "mynah_bird_singing", "playing_acoustic_guitar", "playing_glockenspiel"),
    *("playing_piano", "playing_tabla", "playing_ukulele", "playing_violin", "race_car", "typing_on_computer_keyboard"),
)
RELEASED = 0.8  # at least this share of the published videos of LU-AVS must be annotated, and be there


@dataclass(frozen=True)
class Expected:
    """What a set should hold.

    Attributes:
        splits: clips per split; {} = nothing is known.
        categories: the names of all categories; () = nothing is known.
        clips: clips of some categories over all splits.
        source: where the numbers come from, for the screen.
        masks: False for sets that have none (prepared videos).
        made: whether our own generators made it.
        about: share by which counts may differ, where the published numbers are not exact.
        seconds: of a clip, where they are more than the layout reads (prepared videos); 0 = as many as it reads.
        videos: long videos "with masks" and with "boxes alone", of which about a tenth was never released.
        labels: at most so many labels of long videos; 0 = nothing is known.
    """

    splits: Mapping[str, int] = field(default_factory=dict)
    categories: tuple[str, ...] = ()
    clips: Mapping[str, int] = field(default_factory=dict)
    source: str = "nothing is known about its numbers"
    masks: bool = True
    made: bool = False
    about: float = 0.0
    seconds: int = 0
    videos: Mapping[str, int] = field(default_factory=dict)
    labels: int = 0


OWN = Expected(source="an own set: no published numbers")
PUBLISHED: dict[str, Expected] = {
    "s4": Expected(
        {"train": 3452, "val": 740, "test": 740},
        S4_CATEGORIES,
        {"helicopter": 311},
        "published: ECCV 2022, section 3.2",
    ),
    "ms3": Expected({"train": 296, "val": 64, "test": 64}, source="published: ECCV 2022, section 3.2"),
    # not compared with a download: only a large difference is a finding
    "avss": Expected(
        {"train": 8498, "val": 1304, "test": 1554}, source="as reported of arXiv 2301.13190, not verified", about=0.1
    ),
    "lu_avs": Expected(
        source="published: CVPR 2024, table 1 (no numbers per split)",
        videos={"with masks": 6627, "boxes alone": 630},
        labels=88,
    ),
}


def expected_of(root: Path, setting: str) -> Expected:
    """What the set below a root should hold, by its own note if it was made here, else as published.

    Raises:
        UserError: a note that is damaged.
    """
    if (root / "generator.json").is_file():
        return _generated(_read(root / "generator.json"))
    if (root / "prepare.json").is_file():
        report = root / "report.json"
        return _prepared(_read(root / "prepare.json"), _read(report) if report.is_file() else {}, setting)
    return PUBLISHED[setting]


def _generated(note: dict[str, Any]) -> Expected:
    """Options of `avseg data toy` and `compose`: clips per split."""
    counts = {split: int(note[split]) for split in SPLITS if isinstance(note.get(split), int)}
    return Expected(counts, source="its own generator.json", made=True)


def _prepared(note: dict[str, Any], report: dict[str, Any], setting: str) -> Expected:
    """Notes of `avseg data prepare`: own videos in one split, or the clips of AVSBench; both without masks."""
    if note.get("setting") != "own":
        return replace(PUBLISHED[setting], masks=False)
    seconds = note.get("clip_seconds", 5)
    source = "its own report.json" if report else "nothing: prepared, but without the report that ends it"
    splits = {split: int(report["clips"]) if split == note.get("split") else 0 for split in SPLITS} if report else {}
    return Expected(splits, source=source, masks=False, seconds=int(seconds) if seconds != 5 else 0)


def _read(path: Path) -> dict[str, Any]:
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} is not readable JSON ({error}); remove it, then the published numbers count"
        ) from error
    if not isinstance(note, dict):
        raise UserError(f"{path} holds a {type(note).__name__}; restore or remove it")
    return note
