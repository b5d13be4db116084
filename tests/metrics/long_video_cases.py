"""Random long videos, and how they reach the metric: in chunks, shuffled, by class or all classes at once."""

import random
from collections.abc import Callable, Iterable
from typing import Any

import torch

from avseg.metrics import LongVideoScore
from tests.metrics.plain_long_video import Options, Track, Video

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
    told = [_interval(draw, grid) for _ in range(draw.choice([0, 1, 2]))]
    predicted = {t: _region(draw, region) for t in grid if any(a <= t < b for a, b in told) and draw.random() < 0.9}
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
    """The regions of some frames as the metric takes them."""
    if region == "none":
        return torch.tensor([bool(regions.get(t)) for t in frames], dtype=torch.bool)
    if region == "box":
        return [torch.tensor(regions.get(t, ()), dtype=torch.float32).reshape(-1, 4) for t in frames]
    masks = torch.zeros(len(frames), *SIZE, dtype=torch.bool)
    for number, t in enumerate(frames):
        for pixel in regions.get(t, ()):
            masks[(number, *pixel)] = True
    return masks


def _given(region: str, track: Track, frames: list[int], o: Options) -> dict[str, Any]:
    given: dict[str, Any] = {
        "predicted": tensors(region, track.predicted, frames),
        "target": tensors(region, track.target, frames),
    }
    if o.unit == "segment":
        given["segments"] = track.segments
    if region != "none":
        given["audible"] = torch.tensor([t in track.audible for t in frames], dtype=torch.bool)
        given["gate"] = torch.tensor([t in track.gate for t in frames], dtype=torch.bool)
    return given


def _chunks(draw: random.Random, grid: list[int], shuffled: bool) -> list[list[int]]:
    frames = draw.sample(grid, len(grid)) if shuffled else grid
    size = draw.randint(1, len(grid))
    return [frames[start : start + size] for start in range(0, len(frames), size)]


def _by_class(draw: random.Random, name: str, video: Video, o: Options, shuffled: bool) -> Iterable[Call]:
    """Each class in chunks of its own; what has nothing to tell is None, or left out after the frames are declared."""
    yield "update", {"video": name, "frames": video.grid}
    for label, track in video.tracks.items():
        for frames in _chunks(draw, video.grid, shuffled):
            given = _given(o.region, track, frames, o)
            for side in ("predicted", "target"):
                regions = getattr(track, side)
                if not any(regions.get(t) for t in frames) and draw.random() < 0.7:
                    given[side] = None
            silent = (
                given["predicted"] is None and given["target"] is None and not (track.audible | track.gate) & {*frames}
            )
            if not silent or draw.random() < 0.5:
                yield "update", {"video": name, "label": label, "frames": torch.tensor(frames), **given}


def _at_once(draw: random.Random, name: str, video: Video, o: Options, shuffled: bool) -> Iterable[Call]:
    for frames in _chunks(draw, video.grid, shuffled):
        given = {label: _given(o.region, track, frames, o) for label, track in video.tracks.items()}
        names = {"predicted", "target"} | {key for each in given.values() for key in each}
        by_name = {key: {label: each[key] for label, each in given.items()} for key in names}
        yield "update_classes", {"video": name, "frames": frames, **by_name}


def calls(draw: random.Random, cases: dict[str, Video], o: Options, shuffled: bool = True) -> list[Call]:
    """The calls that tell a metric all videos."""
    told: list[Call] = []
    for name, video in cases.items():
        how: Callable[..., Iterable[Call]] = _at_once if o.merge_classes or draw.random() < 0.3 else _by_class
        told += how(draw, name, video, o, shuffled)
    return draw.sample(told, len(told)) if shuffled else told


def tell(score: LongVideoScore, told: Iterable[Call]) -> LongVideoScore:
    for method, given in told:
        getattr(score, method)(**given)
    return score
