"""What is predicted in each scored frame and each second, written as it comes: masks or boxes, and the scores."""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import numpy as np
from PIL import Image

from avseg.media.video import second_of
from avseg.predict.long_predictor import Sound
from avseg.predict.long_samples import Sample

_WORTH_TELLING = 0.05  # probabilities below it are left out unless the class counts as heard


class Records:
    """Writes `scores.json`, and `masks/LABEL/FRAME.png` or `boxes.json`; a context manager.

    Args:
        folder: of the results.
        size: height and width of the video.
        region: "mask", "box" or "none".
        names: of the classes.
        sound: of the whole video.
        header: how `scores.json` begins.
        on_second: called after each second.
    """

    def __init__(
        self,
        folder: Path,
        size: tuple[int, int],
        region: str,
        names: Sequence[str],
        sound: Sound,
        header: dict[str, Any],
        on_second: Callable[[], None],
    ) -> None:
        self.folder, self.size, self.region, self.names = folder, size, region, names
        self.sound, self.on_second = sound, on_second
        self.files = ExitStack()
        self.scores = self._rows("scores.json", header, "seconds")
        self.boxes = self._rows("boxes.json", {"labels": list(names)}, "frames") if region == "box" else None
        if region == "mask":
            (folder / "masks").mkdir()
        self.second, self.sounding = 0, 0
        self.here: list[Sample] = []  # scored frames of this second, without their masks
        self.shares: list[float] = []  # of their pixels that are marked
        self.last: frozenset[int] = frozenset()  # predicted in the last scored frame

    def __enter__(self) -> "Records":
        """Files are open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes them."""
        self.files.close()

    def update(self, sample: Sample) -> None:
        """Adds the next scored frame."""
        self._until(second_of(sample.time))
        if self.region == "mask":
            self._write_masks(sample)
        if self.boxes is not None:
            self.boxes.add(self._boxes_of(sample))
        self.here.append(Sample(sample.index, sample.begin, sample.time, sample.boxes, {}, sample.scores))

    def finish(self, seconds: int) -> None:
        """Ends all files after so many seconds."""
        self._until(seconds)
        for rows in (self.scores, self.boxes):
            if rows is not None:
                rows.close()

    def _rows(self, name: str, header: dict[str, Any], key: str) -> "RowsFile":
        file = self.files.enter_context((self.folder / name).open("w", encoding="utf-8"))
        return RowsFile(file, header, key)

    def _write_masks(self, sample: Sample) -> None:
        union = np.zeros(self.size, np.bool_)
        for label, mask in sample.masks.items():
            folder = self.folder / "masks" / self.names[label].replace(" ", "_").replace("/", "_")
            folder.mkdir(exist_ok=True)
            picture = Image.fromarray(mask.astype(np.uint8) * 255)
            picture.save(folder / f"{sample.index:06d}.png", compress_level=3)
            union |= mask
        self.shares.append(float(union.mean()))

    def _boxes_of(self, sample: Sample) -> dict[str, Any]:
        found = {
            self.names[label]: {
                "score": round(sample.scores[label], 4),
                "boxes": [[round(float(value), 2) for value in box] for box in boxes],
            }
            for label, boxes in sorted(sample.boxes.items())
        }
        return {"frame": sample.index, "time": round(sample.time, 6), "classes": found}

    def _until(self, second: int) -> None:
        """Writes the seconds before this one."""
        while self.second < second:
            self._write_second()
            self.second += 1
            self.on_second()

    def _write_second(self) -> None:
        counts: dict[int, list[float]] = defaultdict(list)
        for sample in self.here:
            for label in sample.boxes:
                counts[label].append(sample.scores.get(label, 0.0))
        shown = {label: len(values) / len(self.here) for label, values in counts.items()}
        if not self.here:  # what was predicted last goes on
            shown = dict.fromkeys(self.last, 1.0)
        row: dict[str, Any] = {"second": self.second, "sound_dbfs": self.sound.levels[self.second]}
        row |= {"frames": [sample.index for sample in self.here], "heard": self._heard()}
        row["classes"] = {self.names[label]: round(shown[label], 4) for label in sorted(shown)}
        if self.region != "none":
            row["scores"] = {self.names[label]: round(float(np.mean(counts[label])), 4) for label in sorted(counts)}
        if self.region == "mask" and self.shares:
            row["mask_share"] = round(float(np.mean(self.shares)), 6)
        self.scores.add(row | {"sounding": bool(shown)})
        self.sounding += bool(shown)
        if self.here:
            self.last = frozenset(self.here[-1].boxes)
        self.here, self.shares = [], []

    def _heard(self) -> dict[str, float]:
        """The probability of each class that is worth telling in this second."""
        activity = self.sound.activity
        if activity is None:
            return {}
        place = min(self.second, len(activity.scores) - 1)
        told = activity.active[place] | (activity.scores[place] >= _WORTH_TELLING)
        return {self.names[label]: round(float(activity.scores[place, label]), 4) for label in told.nonzero()[:, 0]}


class RowsFile:
    """A json object of a header and a list with one row per line, written as it grows.

    Args:
        file: open for writing.
        header: the other entries.
        key: the name of the list.
    """

    def __init__(self, file: TextIO, header: dict[str, Any], key: str) -> None:
        self.file, self.separator = file, "\n    "
        start = json.dumps(header, indent=2, ensure_ascii=False)
        self.file.write(start.removesuffix("\n}") + f',\n  "{key}": [')

    def add(self, row: dict[str, Any]) -> None:
        """Writes a row."""
        self.file.write(self.separator + json.dumps(row, ensure_ascii=False))
        self.separator = ",\n    "

    def close(self) -> None:
        """Ends the list and the object."""
        self.file.write("\n  ]\n}\n")
