"""Slow reference implementation of the scores of docs/metrics_lu_avs.md: sets, loops and fractions.

A region is a set of pixels, a tuple of boxes, or a bool; an empty one is false.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import permutations
from statistics import mean
from typing import Any

Score = Fraction | float | int | None
NAMES = ("m_tIoU", "m_vIoU", "m_tF", "m_vF", "m_tLoc", "m_tF1", "vIoU@0.3", "vIoU@0.5")


@dataclass
class Track:
    """One class in one video: its regions by frame, and the sets of frames around them."""

    predicted: dict[int, Any]
    target: dict[int, Any]
    segments: list[tuple[int, int]] = field(default_factory=list)
    audible: set[int] = field(default_factory=set)
    gate: set[int] = field(default_factory=set)


@dataclass
class Video:
    grid: list[int]
    tracks: dict[int, Track]


@dataclass
class Options:
    region: str = "mask"
    unit: str = "video_class"
    fp_policy: str = "zero"
    beta2: Fraction = Fraction(3, 10)
    drop_empty_gt: bool = True
    gate_only_counts: bool = False
    predicted_range: str = "regions"
    merge_classes: bool = False
    empty_video: str = "skip"
    m_tIoU: str = "gt_range"


def box_iou(a: tuple[int, ...], b: tuple[int, ...]) -> Fraction:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    overlap = max(width, 0) * max(height, 0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - overlap
    return Fraction(overlap, union) if union else Fraction(0)


def frame_iou(region: str, q: Any, r: Any) -> Fraction:
    if not q or not r:
        return Fraction(0)
    if region == "mask":
        return Fraction(len(q & r), len(q | r))
    if region == "none":
        return Fraction(1)
    small, large = sorted((q, r), key=len)
    assignments = permutations(range(len(large)), len(small))
    return max(
        sum(box_iou(small[i], large[j]) for i, j in enumerate(assignment)) for assignment in assignments
    ) / Fraction(len(large))


def frame_f(region: str, q: Any, r: Any, beta2: Fraction) -> Fraction:
    if region != "mask":
        return Fraction(bool(q and r))
    if not q or not r or not q & r:
        return Fraction(0)
    precision, recall = Fraction(len(q & r), len(q)), Fraction(len(q & r), len(r))
    return (1 + beta2) * precision * recall / (beta2 * precision + recall)


def merged(video: Video, region: str) -> Video:
    """Merge all classes into class 0."""
    track = Track({}, {})
    empty: Any = {"mask": frozenset(), "box": (), "none": False}[region]
    for class_track in video.tracks.values():
        pairs = ((track.predicted, class_track.predicted), (track.target, class_track.target))
        for merged_regions, class_regions in pairs:
            for frame, value in class_regions.items():
                previous = merged_regions.get(frame, empty)
                merged_regions[frame] = previous + value if region == "box" else previous | value
        track.segments += class_track.segments
        track.audible |= class_track.audible
        track.gate |= class_track.gate
    return Video(video.grid, {0: track} if video.tracks else {})


def time_sets(track: Track, grid: list[int], o: Options) -> tuple[set[int], set[int]]:
    """Return G and P."""
    g = {t for t in grid if track.target.get(t)}
    p = {t for t in grid if track.predicted.get(t)}
    off_screen = {t for t in track.audible if not track.target.get(t)}
    if not o.drop_empty_gt:
        g |= off_screen
    if o.gate_only_counts:
        p |= track.gate - off_screen if o.drop_empty_gt else track.gate
    if o.predicted_range == "first_to_last" and p:
        p = {t for t in grid if min(p) <= t <= max(p)}
    return g, p


def runs_of(p: set[int], grid: list[int]) -> list[set[int]]:
    runs: list[set[int]] = []
    for previous, t in zip([-1, *grid], grid, strict=False):
        if t in p and previous in p:
            runs[-1].add(t)
        elif t in p:
            runs.append({t})
    return runs


def units_of(track: Track, grid: list[int], o: Options) -> list[tuple[set[int], set[int]]]:
    """Return G and P of each unit of a class in a video."""
    g, p = time_sets(track, grid, o)
    if o.unit != "segment":
        return [(g, p)]
    segments = [{t for t in g if start <= t < end} for start, end in sorted(set(track.segments))]
    assigned: list[set[int]] = [set() for _ in segments]
    leftovers = []
    for run in runs_of(p, grid):
        overlaps = [len(run & segment) for segment in segments]
        if overlaps and max(overlaps):
            assigned[overlaps.index(max(overlaps))] |= run
        else:
            leftovers.append(run)
    return [*zip(segments, assigned, strict=True), *((set(), run) for run in leftovers)]


def unit_scores(track: Track, g: set[int], p: set[int], o: Options) -> list[Score]:
    overlap, union = g & p, g | p
    sum_j = sum(frame_iou(o.region, track.predicted.get(t), track.target.get(t)) for t in overlap)
    sum_f = sum(frame_f(o.region, track.predicted.get(t), track.target.get(t), o.beta2) for t in overlap)
    if o.region == "none":
        sum_j = sum_f = Fraction(len(overlap))
    t_loc, v_iou = Fraction(len(overlap), len(union)), sum_j / Fraction(len(union))
    t_iou, t_f = (x / Fraction(len(g)) if g else Fraction(0) for x in (sum_j, sum_f))
    first = t_loc if o.m_tIoU == "temporal_iou" else t_iou
    above = [int(v_iou > Fraction(3, 10)), int(v_iou > Fraction(1, 2))]
    return [first, v_iou, t_f, sum_f / Fraction(len(union)), t_loc, Fraction(2 * len(overlap), len(g) + len(p)), *above]


def label_f(pairs: list[tuple[set[int], set[int]]]) -> list[Fraction]:
    """Compute F1 over the cells (frame, class) in the frames of any G, then of any G or P."""
    any_g = {t for g, _ in pairs for t in g}
    any_gp = any_g | {t for _, p in pairs for t in p}
    result = []
    for frames in (any_g, any_gp):
        cells = [(t in g, t in p) for g, p in pairs for t in frames]
        correct, false = cells.count((True, True)), cells.count((True, False)) + cells.count((False, True))
        result.append(Fraction(2 * correct, 2 * correct + false) if correct + false else Fraction(0))
    return result


def score(videos: dict[str, Video], o: Options) -> dict[str, Score]:
    """Compute all scores by name, None without a unit."""
    all_units, all_videos = [], []
    for video in videos.values():
        video = merged(video, o.region) if o.merge_classes else video
        sets = {label: time_sets(track, video.grid, o) for label, track in video.tracks.items()}
        units = []
        for track in video.tracks.values():
            for g, p in units_of(track, video.grid, o):
                if g or (p and o.fp_policy == "zero"):
                    units.append(unit_scores(track, g, p, o))
        silent = not any(g or p for g, p in sets.values())
        if silent and o.empty_video == "one":
            units = [[1] * len(NAMES)]
        if not units:
            continue
        of_video: list[Score] = [mean(column) for column in zip(*units, strict=True)]
        if o.region == "none" and not silent:
            of_video[2:4] = label_f([(g, p) for g, p in sets.values() if g or o.fp_policy == "zero"])
        all_units += units
        all_videos.append(of_video)
    averaged = all_videos if o.unit == "video" else all_units
    if not averaged:
        return dict.fromkeys(NAMES)
    result = dict(zip(NAMES, (mean(column) for column in zip(*averaged, strict=True)), strict=True))
    for column_index, name in ((2, "m_tF"), (3, "m_vF")):
        if o.region == "none":
            result[name] = mean(of_video[column_index] for of_video in all_videos)
        if o.region == "box":
            result[name] = None
    return result
