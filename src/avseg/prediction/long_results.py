"""Files of a prediction by a model of long videos: regions of scored frames, scores per second, segments, timeline."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from avseg.draw.boxes import Mark, MarkedFrame
from avseg.draw.timeline import Lane, Span, save_timeline
from avseg.prediction.long_predictor import LongPredictor
from avseg.prediction.lu_avs_writer import ReleaseWriter, segments_json, write_json
from avseg.prediction.prediction import FramePrediction, VideoPrediction
from avseg.prediction.scores_file import RowsFile, save_mask
from avseg.prediction.tracks import Track, Tracks
from avseg.utils.names import printable, short_name

_MAX_ID = 150  # bytes
_MIN_PROBABILITY = 0.05  # lower ones are omitted unless the class counts as audible


class LongResults:
    """Writes `masks/LABEL/FRAME.png` or `boxes.json`, `scores.json`, `segments.json`, `timeline.png` and `lu_avs/`."""

    def __init__(
        self,
        folder: Path,
        video_id: str,
        predictor: LongPredictor,
        prediction: VideoPrediction,
        scores: RowsFile,
        files: ExitStack,
        *,
        lu_avs: bool = False,
        save_masks: bool = False,
    ) -> None:
        self.folder = folder
        # segment folders of LU-AVS are named after the video, its class and two frames
        self.video_id = short_name(video_id, _MAX_ID)
        self.predictor = predictor
        self.video = prediction.video
        self.sound = prediction.sound
        self.size = (self.video.height, self.video.width)
        self.scores = scores
        self.boxes: RowsFile | None = None
        if predictor.region == "box":
            file = files.enter_context((folder / "boxes.json").open("w", encoding="utf-8", errors="backslashreplace"))
            self.boxes = RowsFile(file, {"labels": list(predictor.names)}, "frames")
        if predictor.region == "mask":
            (folder / "masks").mkdir()
        self.labels = [name.replace("/", "-") for name in predictor.names]  # LU-AVS names folders after them
        self.release: ReleaseWriter | None = None
        if lu_avs or save_masks:
            self.release = ReleaseWriter(folder, self.video_id, self.labels, self.size if save_masks else None)
        self.tracks = Tracks()
        self.current: list[FramePrediction] = []  # scored frames of the current second, without their masks
        self.shares: list[float] = []  # of each, the share of pixels that are marked
        self.shown: frozenset[int] = frozenset()  # classes of the last scored frame
        self.marked = MarkedFrame(self.size, [])
        self.marked_audible: frozenset[int] | None = None  # the classes in `marked`, if none has a region
        self.seconds = 0
        self.sounding = 0

    def add(self, frame: FramePrediction) -> MarkedFrame:
        """Write the regions of a frame; returns how to draw them."""
        self.tracks.update(frame)
        if self.predictor.region == "mask":
            self._write_masks(frame)
        if self.boxes is not None:  # also without any box: the file lists all scored frames
            self._write_boxes(self.boxes, frame)
        if self.release is not None:
            self.release.update(frame)
        self.current.append(replace(frame, masks={}))
        return self._mark(frame)

    def end_second(self, second: int) -> None:
        """Write the scores of a second."""
        scores: dict[int, list[float]] = defaultdict(list)  # by class, one per scored frame with it
        for frame in self.current:
            for label in frame.boxes:
                scores[label].append(frame.scores.get(label, 0.0))
        shares: Mapping[int, float] = {label: len(values) / len(self.current) for label, values in scores.items()}
        if not self.current:  # the last prediction is still shown
            shares = dict.fromkeys(self.shown, 1.0)
        row: dict[str, object] = {"second": second, "sound_dbfs": self.sound.levels[second]}
        row["frames"] = [frame.number for frame in self.current]
        row["heard"] = self._audible(second)
        row["classes"] = self._by_name(shares)
        if self.predictor.region != "none":
            row["scores"] = self._by_name({label: float(np.mean(values)) for label, values in scores.items()})
        if self.predictor.region == "mask" and self.shares:
            row["mask_share"] = round(float(np.mean(self.shares)), 6)
        row["sounding"] = bool(shares)
        self.scores.add(row)
        self.seconds += 1
        self.sounding += bool(shares)
        if self.current:
            self.shown = frozenset(self.current[-1].boxes)
        self.current = []
        self.shares = []

    def finish(self) -> dict[str, float]:
        """Write the files of the whole video; returns the numbers of segments, classes, seconds, sounding seconds."""
        if self.boxes is not None:
            self.boxes.close()
        tracks = self.tracks.finish(len(self.video.times))
        segments = segments_json(self.video_id, self.video, tracks, self.labels)
        write_json(self.folder / "segments.json", segments)
        if self.release is not None:
            self.release.finish(self.video, tracks, segments)
        self._draw_timeline(tracks)
        classes = len({track.label for track in tracks})
        return {"seconds": self.seconds, "segments": len(tracks), "classes": classes, "sounding": self.sounding}

    def _write_masks(self, frame: FramePrediction) -> None:
        union = np.zeros(self.size, np.bool_)  # of all classes
        for label, mask in frame.masks.items():
            folder = self.folder / "masks" / self.predictor.names[label].replace(" ", "_").replace("/", "_")
            folder.mkdir(exist_ok=True)
            save_mask(mask, folder, frame.number)
            union |= mask
        self.shares.append(float(union.mean()))

    def _write_boxes(self, file: RowsFile, frame: FramePrediction) -> None:
        classes = {}
        for label, boxes in sorted(frame.boxes.items()):
            pixels = [[round(value, 2) for value in box] for box in boxes.tolist()]
            classes[self.predictor.names[label]] = {"score": round(frame.scores[label], 4), "boxes": pixels}
        file.add({"frame": frame.number, "time": round(frame.time, 6), "classes": classes})

    def _audible(self, second: int) -> dict[str, float]:
        """Return the probabilities of the classes that are audible in a second, or close to it."""
        activity = self.sound.activity
        if activity is None:
            return {}
        step = min(second, len(activity.scores) - 1)
        reported = activity.active[step] | (activity.scores[step] >= _MIN_PROBABILITY)
        labels = reported.nonzero()[:, 0].tolist()
        return self._by_name({label: float(activity.scores[step, label]) for label in labels})

    def _by_name(self, values: Mapping[int, float]) -> dict[str, float]:
        """Name classes and round their values, in the order of the classes."""
        named = {}
        for label in sorted(values):
            named[self.predictor.names[label]] = round(values[label], 4)
        return named

    def _mark(self, frame: FramePrediction) -> MarkedFrame:
        regions = {} if self.predictor.region == "none" else frame.boxes
        if regions or frame.audible != self.marked_audible:  # most frames of a sound show the same as the one before
            self.marked_audible = None if regions else frame.audible
            marks = [self._mark_class(frame, label) for label in sorted({*regions, *frame.audible})]
            self.marked = MarkedFrame(self.size, marks)
        return self.marked

    def _mark_class(self, frame: FramePrediction, label: int) -> Mark:
        name = self.predictor.names[label]
        colour = self.predictor.colour(label)
        if self.predictor.region == "box" and label in frame.boxes:
            return Mark(name, colour, boxes=frame.boxes[label])
        return Mark(name, colour, frame.masks.get(label))

    def _draw_timeline(self, tracks: Sequence[Track]) -> None:
        """Draw a lane for each class that is predicted or audible, in the order in which they begin."""
        edges = np.append(self.video.times, self.video.duration)  # (N + 1,) frame number -> seconds
        spans: dict[int, list[Span]] = defaultdict(list)
        for track in tracks:
            spans[track.label].append((float(edges[track.start]), float(edges[track.end])))
        audible = self._audible_spans() if self.predictor.region != "none" else {}
        starts: dict[int, Span] = {}  # of each class, its first segment or audible span
        for label in {*spans, *audible}:
            starts[label] = min(spans.get(label, []) + audible.get(label, []))
        lanes = []
        for label in sorted(starts, key=lambda label: (starts[label], label)):
            colour = self.predictor.colour(label)
            lanes.append(Lane(self.predictor.names[label], colour, _merge(spans[label]), audible.get(label, ())))
        # the waveform ends with the last full second, the video earlier
        rate = len(self.sound.wave) / max(self.video.seconds, 1)
        wave = self.sound.wave[: max(round(self.video.duration * rate), 1)]
        title = f"{printable(self.video.path.name)}   {self.video.duration:.1f} s   {self.predictor.model_name}"
        save_timeline(self.folder / "timeline.png", lanes, wave, self.video.duration, title=title)

    def _audible_spans(self) -> dict[int, list[Span]]:
        """Return when the audio branch detects each class, in seconds."""
        activity = self.sound.activity
        spans: dict[int, list[Span]] = {}
        if activity is None:
            return spans
        for label in activity.active.any(0).nonzero().flatten().tolist():
            flags = np.pad(activity.active[:, label].cpu().numpy().astype(int), 1)
            # pairs of first active step and the step after the last one
            steps = np.flatnonzero(np.diff(flags)).reshape(-1, 2) / activity.rate
            spans[label] = [(float(start), float(min(end, self.video.duration))) for start, end in steps]
        return spans


def _merge(spans: Sequence[Span]) -> list[Span]:
    """Merge spans that touch or overlap: two dogs that bark at once are one sound."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
