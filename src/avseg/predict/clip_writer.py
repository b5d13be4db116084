"""What a prediction leaves on disk: the overlay video with sound, a mask per second, the scores."""

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

import av.error
import numpy as np
from PIL import Image

from avseg.draw.overlay import Overlay, upsample
from avseg.media.video import Frame, Video, second_of
from avseg.media.video_writer import repaint
from avseg.predict.clip_predictor import Predictor, SecondScore
from avseg.utils.errors import UserError
from avseg.utils.files import atomic_folder


def predict_video(
    predictor: Predictor,
    video: Video,
    folder: Path,
    *,
    threshold: float = 0.5,
    checkpoint: dict[str, str] | None = None,
    on_second: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Writes `overlay.mp4`, `masks/000000.png ...` and `scores.json` into a folder, all or nothing.

    Scoring and painting decode the video side by side: the painter asks for the mask of each frame, and the scorer runs
    at most one batch of windows ahead. So nothing but that is kept, however long the video is.

    Args:
        predictor: scores the seconds.
        video: what to predict.
        folder: where to; results that are there are replaced once the new ones are complete.
        threshold: the probability above which a pixel counts as sounding.
        checkpoint: says in `scores.json` which model this was.
        on_second: called after each second.

    Returns:
        "seconds", "sounding" (seconds with a marked pixel) and "mask_share" (mean over the seconds).

    Raises:
        UserError: the video cannot be decoded, or the overlay cannot be encoded.
    """
    header = {
        "video": describe(video),
        "checkpoint": checkpoint,
        "clip_length": predictor.scorer.clip_length,
        "image_size": predictor.scorer.image_size,
        "threshold": threshold,
        "every_frame": predictor.every_frame,
    }
    with _replacing(folder) as new, (new / "scores.json").open("w", encoding="utf-8") as file:
        masks = _Masks(new / "masks", (video.height, video.width), threshold, predictor.every_frame)
        results = _Results(predictor.seconds(video), masks, _ScoreFile(file, header), on_second)
        try:
            repaint(video, new / "overlay.mp4", results.paint)
        except av.error.FFmpegError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise OSError(error.errno, error.strerror, str(folder)) from error
            raise UserError(f"{video.path}: the overlay video cannot be written ({error.strerror})") from error
        return results.finish()


def describe(video: Video) -> dict[str, Any]:
    """What `scores.json` says about a video."""
    plain = ("container", "codec", "height", "width", "rotation", "frame_rate", "constant_rate", "duration")
    return {
        "path": str(video.path.resolve()),
        **{name: getattr(video, name) for name in plain},
        "frames": len(video.times),
        "seconds": video.seconds,
        "missing_seconds": video.missing,
        "sound": asdict(video.sound) if video.sound else None,
    }


class _Masks:
    """Writes masks at the video's size: one per second named by it, or one per frame named by its number."""

    def __init__(self, folder: Path, size: tuple[int, int], threshold: float, every_frame: bool) -> None:
        folder.mkdir()
        self.folder = folder
        self.size = size
        self.threshold = threshold
        self.every_frame = every_frame

    def write(self, name: int, probability: np.ndarray) -> np.ndarray:
        """Writes a probability map (h, w) as a mask, 255 = sounding, and gives it as (H, W) bool."""
        mask = upsample(probability, *self.size) > self.threshold
        Image.fromarray(mask.astype(np.uint8) * 255).save(self.folder / f"{name:06d}.png", compress_level=3)
        return mask


class _Results:
    """Takes the seconds as they are scored, writes masks and scores, and paints the frames."""

    def __init__(
        self, source: Iterator[SecondScore], masks: _Masks, scores: "_ScoreFile", on_second: Callable[[], None]
    ) -> None:
        self.source = source
        self.masks = masks
        self.scores = scores
        self.on_second = on_second
        self.second = -1
        self.waiting: dict[int, np.ndarray] = {}  # masks of this second's frames, a bit per pixel
        self.overlay = Overlay(np.zeros(masks.size, bool))
        self.last: dict[str, float] = {}
        self.sounding = 0
        self.shares = 0.0

    def paint(self, image: np.ndarray, frame: Frame) -> np.ndarray:
        """The frame (H, W, 3) with its own mask, or that of its second."""
        while self.second < second_of(frame.time) and (result := next(self.source, None)) is not None:
            self._take(result)
        if frame.number in self.waiting:
            height, width = self.masks.size
            bits = np.unpackbits(self.waiting.pop(frame.number), count=height * width)
            self.overlay = Overlay(bits.reshape(height, width).astype(bool))
        return self.overlay.on(image)

    def finish(self) -> dict[str, float]:
        """Takes the seconds after the last frame; ends the scores; sums up."""
        for result in self.source:
            self._take(result)
        self.scores.close()
        count = self.second + 1
        return {"seconds": count, "sounding": self.sounding, "mask_share": self.shares / max(count, 1)}

    def _take(self, result: SecondScore) -> None:
        self.second = result.second
        rows = [self._frame(result, place) for place in range(len(result.numbers))]
        if rows:  # otherwise the frame before is still shown
            mean = {key: float(np.mean([row[key] for row in rows])) for key in ("mean_probability", "mask_share")}
            self.last = {"time": rows[0]["time"], "frame": rows[0]["frame"], **mean}
        entry = {"second": result.second, **self.last, "sound_dbfs": round(result.sound_dbfs, 2)}
        entry["sounding"] = self.last["mask_share"] > 0
        self.scores.add(entry | ({"frames": rows} if self.masks.every_frame else {}))
        self.sounding += int(entry["sounding"])
        self.shares += self.last["mask_share"]
        self.on_second()

    def _frame(self, result: SecondScore, place: int) -> dict[str, float]:
        """Writes one mask and keeps it for painting."""
        number, probability = result.numbers[place], result.probabilities[place]
        mask = self.masks.write(number if self.masks.every_frame else result.second, probability)
        if self.masks.every_frame:
            self.waiting[number] = np.packbits(mask)
        else:
            self.overlay = Overlay(mask)
        return {
            "frame": number,
            "time": round(result.times[place], 6),
            "mean_probability": float(probability.mean()),
            "mask_share": float(mask.mean()),
        }


class _ScoreFile:
    """A json of a header and one line per second, written as it grows."""

    def __init__(self, file: TextIO, header: dict[str, Any]) -> None:
        self.file = file
        self.separator = "\n    "
        start = json.dumps(header, indent=2, ensure_ascii=False)
        self.file.write(start.removesuffix("\n}") + ',\n  "seconds": [')

    def add(self, entry: dict[str, Any]) -> None:
        self.file.write(self.separator + json.dumps(entry))
        self.separator = ",\n    "

    def close(self) -> None:
        self.file.write("\n  ]\n}\n")


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """A temporary folder that takes the name of `folder` at the end, in place of what is there."""
    if not folder.exists():
        with atomic_folder(folder) as new:
            yield new
        return
    staging = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    with atomic_folder(staging) as new:
        yield new
    folder.rename(old)
    staging.rename(folder)
    shutil.rmtree(old)
