"""How often the annotation tool marks wrong masks: `python -m benchmarks.bench_annotation_quality --cutouts DIR`.

Films are composed of one half of the cut-outs for the calibration of the quality, and of the other half to count.
Fast motion, small parts and a moving camera make the propagation fail.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.special import logit

from avseg.annotate.backends import make_propagator, make_segmenter
from avseg.annotate.propagation.propagate import propagate
from avseg.annotate.quality.calibration import BIAS, TYPICAL, frame_score
from avseg.annotate.quality.scores import BAD, FLOOR
from benchmarks.annotation_films import Studio, iou

WRONG, RIGHT = 0.6, 0.85  # IoU
FRAMES = 10
RATES = (10.0, 4.0, 2.5)  # frames per second
SIZES = ((0.25, 0.45), (0.12, 0.25), (0.06, 0.15), (0.45, 0.7))  # longer sides, as shares of the width
MARKED = 0.12  # share of the right frames that the calibration marks


class Row(NamedTuple):
    """A propagated frame."""

    film: str
    iou: float
    terms: dict[str, float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_annotation_quality", description=__doc__)
    parser.add_argument("--cutouts", type=Path, required=True, help="folder of `avseg data cutouts`")
    parser.add_argument("--backgrounds", type=Path, help="folder of photos for every other film; default: drawn ones")
    parser.add_argument("--films", type=int, default=20, help="films of each half (default 20)")
    parser.add_argument("--rows", type=Path, nargs=2, help="a file of each half, read if it exists, else written")
    parser.add_argument("--calibrate", action="store_true", help="print the calibration for the first half")
    options = parser.parse_args(arguments)
    halves: list[list[Row]] = []
    for half in (0, 1):
        path = options.rows[half] if options.rows else None
        if path is not None and path.exists():
            halves.append([Row(*row) for row in json.loads(path.read_text())])
        else:
            halves.append(list(collect(options.cutouts, options.backgrounds, half, options.films)))
            if path is not None:
                path.write_text(json.dumps(halves[-1]))
    if options.calibrate:
        calibrate(halves[0])
    for title, rows in zip(("calibrated on", "held out"), halves, strict=True):
        count(title, rows)
    return 0


def collect(cutouts: Path, backgrounds: Path | None, half: int, films: int) -> Iterator[Row]:
    """Propagate through films of one half of the cut-outs."""
    segmenter, propagator, second = make_segmenter(), make_propagator("light"), make_propagator("flow")
    for number in range(films):
        photos = backgrounds if number % 2 else None
        sizes, rate = SIZES[number // 2 % len(SIZES)], RATES[number % len(RATES)]
        studio = Studio(cutouts, photos, sizes=sizes, rate=rate, half=half)
        name = studio.names[number * 7 % len(studio.names)]
        film = studio.film(name, 100 + number, FRAMES, number % 5 < 2, number % 4 > 0)
        accepted = {0: {1: film.mask(0)}}
        if number % 5 == 4:
            accepted[FRAMES - 1] = {1: film.mask(FRAMES - 1)}
        for result in propagate(film, (0, FRAMES), accepted, [1], segmenter, propagator, second=second):
            truth = film.mask(result.frame)
            if truth.any() or result.mask.any():
                yield Row(f"{number} {name}", iou(result.mask, truth), dict(result.terms))


def calibrate(rows: Sequence[Row]) -> None:
    """Print the median of each term in right frames, and the bias that marks a share of these frames."""
    right = [row for row in rows if row.iou > RIGHT and row.terms["visible"] > 0]
    for name in TYPICAL:
        values = [max(row.terms[name], FLOOR) for row in right if name in row.terms]
        print(f'    "{name}": {np.median(values):.2f},')
    odds = [logit(frame_score(row.terms)) - BIAS for row in right]
    print(f"BIAS = {-np.quantile(odds, MARKED):.2f}  # with the present medians")


def count(title: str, rows: Sequence[Row]) -> None:
    """Print how many wrong and how many right frames are marked, by film and in total."""
    films = sorted({row.film for row in rows}, key=lambda film: int(film.split()[0]))
    print(f"{title:24} marked of IoU < {WRONG}   marked of IoU > {RIGHT}")
    for name in [*films, "all"]:
        chosen = [row for row in rows if name in (row.film, "all")]
        cells = []
        for part in ([row for row in chosen if row.iou < WRONG], [row for row in chosen if row.iou > RIGHT]):
            marked = sum(frame_score(row.terms) < BAD for row in part)
            share = f"{marked / len(part):.2f}" if part else ""
            cells.append(f"{marked:4} of {len(part):4} {share:5}")
        print(f"{name:24} {'   '.join(cells)}")


if __name__ == "__main__":
    sys.exit(main())
