"""What the prediction of a long video leaves on disk: the marked video with sound, the timeline, the segments."""

import errno
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import av.error
import numpy as np

from avseg.data.lu_avs import LUVideo
from avseg.draw.boxes import Mark, MarkedFrame
from avseg.draw.timeline import Lane, Span, save_timeline
from avseg.media.frame_index import frame_index
from avseg.media.video import Frame, Video
from avseg.media.video_writer import repaint
from avseg.predict.clip_writer import _replacing, describe
from avseg.predict.long_predictor import LongPredictor, Sound
from avseg.predict.long_records import Records
from avseg.predict.long_samples import Sample, Track, Tracks, samples
from avseg.predict.lu_avs_writer import ReleaseWriter, segments_json, write_pretty
from avseg.utils.errors import UserError


def predict_long_video(
    predictor: LongPredictor,
    path: Path,
    folder: Path,
    *,
    checkpoint: dict[str, str] | None = None,
    lu_avs: bool = False,
    save_masks: bool = False,
    on_second: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Writes a video's results into a folder, all or nothing; see the text of `avseg predict --help` for its files.

    The sound is heard first. Then scoring and painting decode the video side by side, at most one chunk of scored
    frames apart, so nothing but that is kept, however long the video is.

    Args:
        predictor: of a run.
        path: the video.
        folder: where to; results that are there are replaced once the new ones are complete.
        checkpoint: says in `scores.json` which model this was.
        lu_avs: write a release folder too (see `avseg.predict.lu_avs_writer`).
        save_masks: with the masks of every frame in it.
        on_second: called after each second.

    Returns:
        "seconds", "segments", "classes" (that are predicted), "sounding" (seconds in which something is predicted).

    Raises:
        UserError: the video cannot be decoded, or the overlay cannot be encoded.
    """
    video = frame_index(path).video
    # the folder is named after the video, and tells two of one name apart: it is the id
    known = LUVideo(folder.name, path, video.frame_rate, video.duration, "test", (), has_masks=False)
    with _replacing(folder) as new:
        sound = predictor.listen(known)
        header = {"video": describe(video), "checkpoint": checkpoint, **predictor.settings, "labels": predictor.names}
        labels = [name.replace("/", "-") for name in predictor.names]  # LU-AVS makes folders of them
        size, stored = (video.height, video.width), predictor.region
        masks = size if save_masks else None
        release = ReleaseWriter(new, folder.name, labels, masks) if lu_avs or save_masks else None
        with Records(new, size, stored, predictor.names, sound, header, on_second) as records:
            results = _Results(predictor, samples(predictor.watch(known, sound), stored), size, records, release)
            _paint(video, new / "overlay.mp4", results)
            tracks = results.finish(len(video.times))
            records.finish(video.seconds)
        entry = segments_json(folder.name, video, tracks, labels)
        write_pretty(new / "segments.json", entry)
        if release is not None:
            release.finish(video, tracks, entry)
        _draw_timeline(new / "timeline.png", predictor, video, tracks, sound)
    classes = len({track.label for track in tracks})
    counts = {"seconds": video.seconds, "segments": len(tracks), "classes": classes, "sounding": records.sounding}
    return {name: float(count) for name, count in counts.items()}


def _paint(video: Video, path: Path, results: "_Results") -> None:
    try:
        repaint(video, path, results.paint)
    except av.error.FFmpegError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OSError(error.errno, error.strerror, str(path.parent)) from error
        raise UserError(f"{video.path}: the overlay video cannot be written ({error.strerror})") from error


class _Results:
    """Takes the scored frames as the painter comes to them."""

    def __init__(
        self,
        predictor: LongPredictor,
        source: Iterator[Sample],
        size: tuple[int, int],
        records: Records,
        release: ReleaseWriter | None,
    ) -> None:
        self.predictor, self.source, self.size = predictor, source, size
        self.records, self.release = records, release
        self.tracks = Tracks()
        self.shown = MarkedFrame(size, [])
        self.unseen: frozenset[int] | None = None  # what is shown as heard, where nothing is seen
        self.ahead = next(source, None)

    def paint(self, image: np.ndarray, frame: Frame) -> np.ndarray:
        """The frame (H, W, 3) with what was predicted last."""
        while self.ahead is not None and self.ahead.begin <= frame.number:
            self._take(self.ahead)
        return self.shown.on(image)

    def finish(self, frames: int) -> list[Track]:
        """Takes what lies behind the last painted frame; the segments of the whole video of so many frames."""
        while self.ahead is not None:
            self._take(self.ahead)
        return self.tracks.finish(frames)

    def _take(self, sample: Sample) -> None:
        self.tracks.update(sample)
        self.records.update(sample)
        if self.release is not None:
            self.release.update(sample)
        self._show(sample)
        self.ahead = next(self.source, None)

    def _show(self, sample: Sample) -> None:
        seen = {} if self.predictor.region == "none" else sample.boxes
        if not seen and sample.heard == self.unseen:
            return  # most frames of a sound show what the one before does
        self.unseen = None if seen else sample.heard
        self.shown = MarkedFrame(self.size, [self._mark(sample, label) for label in sorted({*seen, *sample.heard})])

    def _mark(self, sample: Sample, label: int) -> Mark:
        mark = Mark(self.predictor.names[label], self.predictor.colour(label), sample.masks.get(label))
        if self.predictor.region != "box" or label not in sample.boxes:
            return mark
        return Mark(mark.name, mark.colour, boxes=sample.boxes[label])


def _draw_timeline(path: Path, predictor: LongPredictor, video: Video, tracks: list[Track], sound: Sound) -> None:
    """A lane for each class that is predicted or heard, in the order in which they begin."""
    edges = np.append(video.times, video.duration)
    segments: dict[int, list[Span]] = defaultdict(list)
    for track in tracks:
        segments[track.label].append((float(edges[track.start]), float(edges[track.end])))
    heard = _heard_spans(sound, video.duration) if predictor.region != "none" else {}
    order = sorted({*segments, *heard}, key=lambda label: (min([*segments[label], *heard.get(label, [])]), label))
    lanes = [
        Lane(predictor.names[label], predictor.colour(label), _united(segments[label]), heard.get(label, ()))
        for label in order
    ]
    rate = len(sound.wave) / max(video.seconds, 1)
    wave = sound.wave[: max(round(video.duration * rate), 1)]
    title = f"{video.path.name}   {video.duration:.1f} s   {predictor.settings['branch']}"
    save_timeline(path, lanes, wave, video.duration, title=title)


def _united(spans: list[Span]) -> list[Span]:
    """Spans that touch or overlap as one: two dogs at once bark once."""
    united: list[Span] = []
    for start, end in sorted(spans):
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return united


def _heard_spans(sound: Sound, duration: float) -> dict[int, list[Span]]:
    """When each class is heard, in seconds."""
    if sound.activity is None:
        return {}
    spans: dict[int, list[Span]] = {}
    for label in sound.activity.active.any(0).nonzero().flatten().tolist():
        flags = np.concatenate([[False], sound.activity.active[:, label].cpu().numpy(), [False]]).astype(int)
        starts, ends = (np.flatnonzero(np.diff(flags) == step) / sound.activity.rate for step in (1, -1))
        spans[label] = [(float(a), float(min(b, duration))) for a, b in zip(starts, ends, strict=True)]
    return spans
