"""Expected clip counts: the published numbers, or those that the generator of a synthetic set recorded.

AVSBench: Zhou et al., ECCV 2022, section 3.2 and the project page (its example: 311 clips of helicopters); AVSS: Zhou
et al., "Audio-Visual Segmentation with Semantics", arXiv 2301.13190; LU-AVS: Liu et al., CVPR 2024, table 1, which
has no numbers per split, and of which about a tenth was never released.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from avseg.data.setting import SPLITS
from avseg.utils.errors import UserError

RELEASED = 0.8  # minimum share of the published LU-AVS videos that must be annotated and exist
_READ_SECONDS = 5  # of a prepared clip, however long it is


@dataclass(frozen=True)
class Expected:
    """The expected content of a set."""

    splits: Mapping[str, int] = field(default_factory=dict)  # clips per split; {} if unknown
    categories: tuple[str, ...] = ()  # names of all categories; () if unknown
    clips: Mapping[str, int] = field(default_factory=dict)  # clips of some categories over all splits
    source: str = "its expected counts are unknown"
    masks: bool = True  # False for sets without masks (prepared videos)
    synthetic: bool = False  # True if `avseg data toy` or `compose` generated it
    tolerance: float = 0.0  # share by which counts may differ, where the published numbers are not exact
    seconds: int = 0  # length of a clip if the layout reads less of it (prepared videos); 0 if it reads all
    # number of long videos "with masks" and with "boxes alone", of which about a tenth was never released
    videos: Mapping[str, int] = field(default_factory=dict)
    labels: int = 0  # maximum number of labels of long videos; 0 if unknown


# of a set of the user's own, with --own
CUSTOM = Expected(source="a set of your own: no published numbers")


def _read_published() -> dict[str, Expected]:
    """Read the published counts by setting."""
    published: dict[str, Expected] = {}
    for setting, table in tomllib.loads(Path(__file__).with_name("published.toml").read_text(encoding="utf-8")).items():
        published[setting] = Expected(categories=tuple(table.pop("categories", ())), **table)
    return published


PUBLISHED = _read_published()


def expected_counts(root: Path, setting: str) -> Expected:
    """Return the expected content of the set at a root: as its generator recorded, otherwise as published.

    Raises:
        UserError: the generator's record is damaged.
    """
    if (root / "generator.json").is_file():
        return _of_generated(_read_json(root / "generator.json"))
    if (root / "prepare.json").is_file():
        report = root / "report.json"
        return _of_prepared(_read_json(root / "prepare.json"), _read_json(report) if report.is_file() else {}, setting)
    return PUBLISHED[setting]


def _of_generated(options: Mapping[str, object]) -> Expected:
    """Read the options of `avseg data toy` and `compose`: clips per split."""
    counts: dict[str, int] = {}  # splits that the record names
    for split in SPLITS:
        count = options.get(split)
        if isinstance(count, int):
            counts[split] = count
    return Expected(counts, source="its own generator.json", synthetic=True)


def _of_prepared(options: Mapping[str, object], report: Mapping[str, object], setting: str) -> Expected:
    """Read the records of `avseg data prepare`: own videos in one split, or AVSBench clips; both without masks."""
    if options.get("setting") != "own":
        return replace(PUBLISHED[setting], masks=False)
    seconds = int(str(options.get("clip_seconds", _READ_SECONDS)))
    # longer clips have frames that the layout does not read
    expected = Expected(masks=False, seconds=seconds if seconds != _READ_SECONDS else 0)
    if not report:
        return replace(expected, source="unknown: prepared, but report.json, which is written last, does not exist")
    counts = dict.fromkeys(SPLITS, 0) | {str(options.get("split")): int(str(report["clips"]))}
    return replace(expected, splits=counts, source="its own report.json")


def _read_json(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        text = f"{path} is not readable JSON ({error}); remove it to compare with the published numbers"
        raise UserError(text) from error
    if not isinstance(content, dict):
        raise UserError(f"{path} holds a {type(content).__name__} instead of an object; restore or remove it")
    return content
