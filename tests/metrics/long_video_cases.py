"""Random long videos, and the calls that feed them to the metric: in chunks, shuffled, by class or all at once."""

import random
from collections.abc import Callable, Iterable
from typing import Any

import torch

from avseg.metrics import LongVideoScore
from tests.metrics.reference_long_video import Options, Track, Video

SIZE = (3, 4)
Call = tuple[str, dict[str, Any]]


def options(draw: random.Random, region: str) -> Options:
    return Options(
        region,
        unit=draw.choice(["video_class", "segment", "video"]),
        fp_policy=draw.choice(["zero", "ignore"]),
        drop_empty_gt=draw.random() < 0.6,
        gate_only_counts=draw.random() < 0.4,
        predicted_range=draw.choice(["regions", "regions", "first_to_last"]),
        merge_classes=draw.random() < 0.25,
        empty_video=draw.choice(["skip", "one"]),
        m_tIoU=draw.choice(["gt_range", "gt_range", "temporal_iou"]),
    )


def metric(o: Options) -> LongVideoScore:
    return LongVideoScore(**{**vars(o), "beta2": float(o.beta2)}, auxiliary=True)


def videos(draw: random.Random, region: str, count: int = 3) -> dict[str, Video]:
    return {f"vid__é-{number}": _video(draw, region) for number in range(draw.randint(1, count))}


def _video(draw: random.Random, region: str) -> Video:
    steps = draw.choice([[1], [1], [3], [2, 3], [1, 1, 5]])
    grid = [draw.randint(0, 3)]
    for _ in range(draw.randint(0, 17)):
        grid.append(grid[-1] + draw.choice(steps))
    labels = draw.sample(range(6), draw.choice([0, 1, 1, 2, 3]))
    return Video(grid, {label: _track(draw, region, grid) for label in labels})


def _track(draw: random.Random, region: str, grid: list[int]) -> Track:
    segments = [_interval(draw, grid) for _ in range(draw.choice([0, 1, 1, 2, 3]))]
    audible = {t for t in grid if any(start <= t < end for start, end in segments)}
    target = {t: _region(draw, region) for t in audible if draw.random() < 0.85}
    spans = [_interval(draw, grid) for _ in range(draw.choice([0, 1, 2]))]
    predicted = {t: _region(draw, region) for t in grid if any(a <= t < b for a, b in spans) and draw.random() < 0.9}
    gate = {t for t in grid if t in predicted or draw.random() < 0.3}
    if region == "none":
        audible, gate = set(), set()
    return Track(predicted, target, segments, audible, gate)


def _interval(draw: random.Random, grid: list[int]) -> tuple[int, int]:
    start = draw.randint(0, grid[-1])
    return start, draw.randint(start + 1, grid[-1] + 2)


def _region(draw: random.Random, region: str) -> Any:
    if region == "none":
        return True
    if region == "mask":
        return frozenset((y, x) for y in range(SIZE[0]) for x in range(SIZE[1]) if draw.random() < 0.6)
    corners = [(draw.randint(0, 4), draw.randint(0, 4)) for _ in range(draw.choice([0, 1, 1, 1, 2, 3]))]
    return tuple((x, y, x + draw.randint(0, 4), y + draw.randint(1, 4)) for x, y in corners)


def tensors(region: str, regions: dict[int, Any], frames: list[int]) -> Any:
    """Convert the regions of some frames to the arguments of the metric."""
    if region == "none":
        return torch.tensor([bool(regions.get(t)) for t in frames], dtype=torch.bool)
    if region == "box":
        return [torch.tensor(regions.get(t, ()), dtype=torch.float32).reshape(-1, 4) for t in frames]
    masks = torch.zeros(len(frames), *SIZE, dtype=torch.bool)
    for number, t in enumerate(frames):
        for pixel in regions.get(t, ()):
            masks[(number, *pixel)] = True
    return masks


def _arguments(region: str, track: Track, frames: list[int], o: Options) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "predicted": tensors(region, track.predicted, frames),
        "target": tensors(region, track.target, frames),
    }
    if o.unit == "segment":
        arguments["segments"] = track.segments
    if region != "none":
        arguments["audible"] = torch.tensor([t in track.audible for t in frames], dtype=torch.bool)
        arguments["gate"] = torch.tensor([t in track.gate for t in frames], dtype=torch.bool)
    return arguments


def _chunks(draw: random.Random, grid: list[int], shuffled: bool) -> list[list[int]]:
    frames = draw.sample(grid, len(grid)) if shuffled else grid
    size = draw.randint(1, len(grid))
    return [frames[start : start + size] for start in range(0, len(frames), size)]


def _by_class(draw: random.Random, name: str, video: Video, o: Options, shuffled: bool) -> Iterable[Call]:
    """Feed each class in separate chunks; empty regions are sometimes None, and silent chunks left out."""
    yield "update", {"video": name, "frames": video.grid}
    for label, track in video.tracks.items():
        for frames in _chunks(draw, video.grid, shuffled):
            arguments = _arguments(o.region, track, frames, o)
            for side in ("predicted", "target"):
                regions = getattr(track, side)
                if not any(regions.get(t) for t in frames) and draw.random() < 0.7:
                    arguments[side] = None
            no_regions = arguments["predicted"] is None and arguments["target"] is None
            silent = no_regions and not (track.audible | track.gate) & {*frames}
            if not silent or draw.random() < 0.5:
                yield "update", {"video": name, "label": label, "frames": torch.tensor(frames), **arguments}


def _at_once(draw: random.Random, name: str, video: Video, o: Options, shuffled: bool) -> Iterable[Call]:
    for frames in _chunks(draw, video.grid, shuffled):
        arguments = {label: _arguments(o.region, track, frames, o) for label, track in video.tracks.items()}
        names = {"predicted", "target"}
        for label_arguments in arguments.values():
            names |= label_arguments.keys()
        by_name = {key: {label: values[key] for label, values in arguments.items()} for key in names}
        yield "update_classes", {"video": name, "frames": frames, **by_name}


def calls(draw: random.Random, cases: dict[str, Video], o: Options, shuffled: bool = True) -> list[Call]:
    """Return the calls that feed all videos to a metric."""
    video_calls: list[Call] = []
    for name, video in cases.items():
        split: Callable[..., Iterable[Call]] = _at_once if o.merge_classes or draw.random() < 0.3 else _by_class
        video_calls += split(draw, name, video, o, shuffled)
    return draw.sample(video_calls, len(video_calls)) if shuffled else video_calls


def feed(score: LongVideoScore, video_calls: Iterable[Call]) -> LongVideoScore:
    for method, arguments in video_calls:
        getattr(score, method)(**arguments)
    return score
