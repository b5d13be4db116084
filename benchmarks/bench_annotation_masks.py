"""Masks of the annotation tool against exact ones: `python -m benchmarks.bench_annotation_masks --cutouts DIR`.

Clicks are ideal: the deepest point of the largest error. Prints, for composed frames, the mean IoU with 1 to 8 clicks
and with boxes, the effect of a click on an exact mask, and how often a further click makes a mask worse; for composed
films, the mean IoU of a propagation from an exact mask with and without refinement.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from scipy import ndimage

from avseg.annotate.backends import make_propagator, make_segmenter
from avseg.annotate.backends.crop import padded_box
from avseg.annotate.document import rle
from avseg.annotate.document.models import Input
from avseg.annotate.drawing.renderer import Renderer
from avseg.annotate.media.video import open_reader
from avseg.annotate.propagation.propagate import propagate
from avseg.annotate.protocols import Mask, Point, Propagator, Segmenter
from avseg.utils.files import write_text
from benchmarks.annotation_films import Film, Studio, iou, mean

CLICKS = 8
WORSE = 0.005  # decrease of the IoU that counts as worse
FILMS = ("bull", "firetruck", "grasshopper", "cow", "lark")
SEED = 7
Numbers = dict[str, float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench_annotation_masks",
        description="Masks of the annotation tool against exact ones, with ideal clicks.",
        epilog="example: python -m benchmarks.bench_annotation_masks --cutouts data/cutouts --frames 50",
    )
    parser.add_argument("--cutouts", type=Path, required=True, help="folder of `avseg data cutouts`")
    parser.add_argument("--backgrounds", type=Path, help="folder of photos; default: drawn backgrounds")
    parser.add_argument("--segmenter", default="default")
    parser.add_argument("--propagator", default="default")
    parser.add_argument("--frames", type=int, default=50, help="composed frames (default 50)")
    parser.add_argument("--film-frames", type=int, default=50, help="frames of each composed film (default 50)")
    parser.add_argument("--height", type=int, default=360, help="of composed frames in pixels (default 360)")
    parser.add_argument(
        "--half", type=int, choices=(0, 1), help="one half of the cut-outs; `light` was fitted to half 0"
    )
    parser.add_argument("--films", nargs="*", default=list(FILMS), help="cut-outs that films are composed of")
    parser.add_argument(
        "--segments", action="store_true", help="films: a box and 3 clicks in frame 0, propagated to three segments"
    )
    parser.add_argument("--seed", type=int, default=SEED, help="films of different seeds have nothing in common")
    parser.add_argument("--video", type=Path, help="a video with known masks in --masks")
    parser.add_argument("--masks", type=Path, help="json: run lengths by frame of --video")
    parser.add_argument("--out", type=Path, help="a json file to write")
    options = parser.parse_args(arguments)
    studio = Studio(options.cutouts, options.backgrounds, options.height, half=options.half)
    segmenter = make_segmenter(options.segmenter)
    results: Numbers = {}
    if options.frames:
        results |= measure_prompts(segmenter, list(_frames(studio, options.frames, options.seed)), "composed")
    if options.video:
        results |= _measure_video(options, segmenter)
    for film in _films(studio, options):
        if options.segments:
            results |= measure_segments(segmenter, make_propagator(options.propagator), film)
        else:
            results |= measure_propagation(segmenter, make_propagator(options.propagator), film)
    worse = [value for name, value in results.items() if name.endswith("refined frames worse")]
    if worse:
        results["all films: refined frames worse"] = mean(worse)
    for name, value in results.items():
        print(f"{name:52} {value:8.3f}")
    if options.out:
        write_text(options.out, json.dumps(results, indent=2) + "\n")
    return 0


def measure_prompts(segmenter: Segmenter, films: Sequence[Film], title: str) -> Numbers:
    """Measure prompts in the first frame of each film."""
    clicks: list[list[float]] = []
    boxes: list[float] = []
    loose_boxes: list[float] = []
    exact: list[float] = []
    best: list[float] = []
    times: list[float] = []
    for film in films:
        truth = film.mask(0)
        encoded = segmenter.encode(film.image(0))
        renderer = Renderer(segmenter, partial(_constant, encoded), (truth.shape[0], truth.shape[1]))
        clicks.append(click_series(renderer, truth, times))
        point = Point(*deepest(truth))
        best.append(max(iou(candidate.mask, truth) for candidate in segmenter.predict(encoded, [point])))
        for values, margin in ((boxes, 0.0), (loose_boxes, 0.1)):
            values.append(iou(segmenter.predict(encoded, box=padded_box(truth, margin))[0].mask, truth))
        mask = renderer.render(0, truth, [_input(point)]).mask
        exact.append(0.0 if mask is None else iou(mask, truth))
    table = np.array(clicks)  # (frames, CLICKS)
    results = {f"{title}: {n} clicks": float(table[:, n - 1].mean()) for n in (1, 2, 3, 5, 8)}
    results |= {
        f"{title}: 1 click, best candidate": mean(best),
        f"{title}: tight box": mean(boxes),
        f"{title}: box + 10 %": mean(loose_boxes),
        f"{title}: exact mask and one click": mean(exact),
        f"{title}: exact mask and one click, 10th percentile": float(np.percentile(exact, 10)),
        f"{title}: share above 0.85 with 5 clicks": float((table[:, 4] > 0.85).mean()),
        f"{title}: further clicks that make it worse": float((np.diff(table) < -WORSE).mean()),
        f"{title}: first click (ms, median)": 1000 * statistics.median(times),
    }
    return results


def click_series(renderer: Renderer, truth: Mask, times: list[float]) -> list[float]:
    """Click ideally, again and again, as the page sends the clicks; return the IoU after each click."""
    inputs: list[Input] = []
    mask = np.zeros_like(truth)
    series: list[float] = []
    for _ in range(CLICKS):
        inputs.append(_input(ideal_click(mask, truth)))
        start = time.process_time()
        rendered = renderer.render(0, None, inputs).mask
        if len(inputs) == 1:
            times.append(time.process_time() - start)
        mask = np.zeros_like(truth) if rendered is None else rendered
        series.append(iou(mask, truth))
    return series


def _constant(encoded: object, _: int) -> object:
    return encoded


def _input(point: Point) -> Input:
    return Input(f"{point.x},{point.y}", "point", (point.x, point.y), point.positive)


def ideal_click(mask: Mask, truth: Mask) -> Point:
    """Return the deepest point of the largest component of the error."""
    labels, count = ndimage.label(mask ^ truth)
    if not count:
        return Point(*deepest(truth))
    largest = labels == 1 + int(np.bincount(labels.ravel())[1:].argmax())
    x, y = deepest(largest)
    return Point(x, y, bool(truth[int(y), int(x)]))


def deepest(mask: Mask) -> tuple[float, float]:
    """Return x and y of the pixel that is farthest from the border of a mask."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), mask.shape)
    return float(column), float(row)


def measure_propagation(segmenter: Segmenter, propagator: Propagator, film: Film) -> Numbers:
    """Propagate the exact mask of the first frame through a film."""
    scores: dict[bool, dict[int, float]] = {}
    seconds: dict[bool, float] = {}
    for refine in (False, True):
        start = time.process_time()
        results = propagate(film, (0, len(film)), {0: {1: film.mask(0)}}, [1], segmenter, propagator, refine=refine)
        scores[refine] = {result.frame: iou(result.mask, film.mask(result.frame)) for result in results}
        seconds[refine] = time.process_time() - start
    worse = [scores[True][frame] < scores[False][frame] - WORSE for frame in scores[False]]
    return {
        f"{film.name}: propagated": mean(list(scores[False].values())),
        f"{film.name}: propagated, worst frame": min(scores[False].values()),
        f"{film.name}: propagated and refined": mean(list(scores[True].values())),
        f"{film.name}: propagated and refined, worst frame": min(scores[True].values()),
        f"{film.name}: refined frames worse": mean(worse),
        f"{film.name}: frames per second, refined": (len(film) - 1) / seconds[True],
        f"{film.name}: frames per second, not refined": (len(film) - 1) / seconds[False],
    }


def measure_segments(segmenter: Segmenter, propagator: Propagator, film: Film) -> Numbers:
    """Draw one mask with a box and clicks, and propagate it to three segments of a film, as `F` does."""
    truth = film.mask(0)
    renderer = Renderer(segmenter, lambda _: segmenter.encode(film.image(0)), (truth.shape[0], truth.shape[1]))
    box = padded_box(truth, 0.03)
    assert box is not None, "the object is not visible in the first frame"
    inputs = [Input("box", "box", box)]
    for _ in range(3):
        mask = renderer.render(0, None, inputs).mask
        inputs.append(_input(ideal_click(np.zeros_like(truth) if mask is None else mask, truth)))
    mask = renderer.render(0, None, inputs).mask
    mask = np.zeros_like(truth) if mask is None else mask
    results = {f"{film.name}: mask of a box and 3 clicks": iou(mask, truth)}
    third = len(film) // 3
    for number in range(3):
        segment = (number * third, number * third + max(third * 2 // 3, 1))
        scores = [
            iou(result.mask, film.mask(result.frame))
            for result in propagate(film, segment, {0: {1: mask}}, [1], segmenter, propagator)
        ]
        results[f"{film.name}: segment {segment[0]}-{segment[1]}"] = mean(scores)
    return results


def _frames(studio: Studio, count: int, seed: int) -> Iterator[Film]:
    names = np.random.default_rng(seed).permutation(studio.names)
    for number in range(count):
        yield studio.film(str(names[number % len(names)]), seed + number, 1)


def _films(studio: Studio, options: argparse.Namespace) -> Iterator[Film]:
    for name in options.films:
        yield studio.film(name, options.seed, options.film_frames)
        # like the films of the other kind: a small part of an object, and a moving camera
        if name == options.films[0]:
            film = studio.film(name, options.seed, options.film_frames, part=True, pan=True)
            yield Film(f"{name}, upper part, moving camera", film.pictures, film.masks)


def _measure_video(options: argparse.Namespace, segmenter: Segmenter) -> Numbers:
    """Measure a real video: prompts in the frames with known masks, and a propagation from the first of them."""
    truths = {int(frame): rle.decode(value) for frame, value in json.loads(options.masks.read_text()).items()}
    results: Numbers = {}
    with open_reader(options.video) as video:
        films = []
        for frame, truth in truths.items():
            films.append(Film("video", video.image(frame)[None], truth[None]))
        results |= measure_prompts(segmenter, films, options.video.stem)
        first, *others = sorted(truths)
        for refine in (False, True):
            propagator = make_propagator(options.propagator)
            accepted = {first: {1: truths[first]}}
            known = []
            for result in propagate(
                video, (first, max(others) + 1), accepted, [1], segmenter, propagator, refine=refine
            ):
                if result.frame in truths:
                    known.append(iou(result.mask, truths[result.frame]))
            name = "propagated and refined" if refine else "propagated"
            results[f"{options.video.stem}: {name}, frames {others}"] = mean(known)
    return results


if __name__ == "__main__":
    sys.exit(main())
