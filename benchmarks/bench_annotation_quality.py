"""How often the annotation tool marks wrong masks: `python -m benchmarks.bench_annotation_quality --cutouts DIR`.

Films are composed of one half of the cut-outs to fit the calibration of the quality, and of the other half, with other
backgrounds in other places, to count. Fast motion, small parts and a moving camera make the propagation fail.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from avseg.annotate.backends import make_propagator, make_segmenter
from avseg.annotate.propagation.propagate import propagate
from avseg.annotate.quality.calibration import frame_score
from avseg.annotate.quality.scores import BAD, FLOOR
from benchmarks.annotation_films import Studio, iou

WRONG, RIGHT = 0.6, 0.85  # IoU
FRAMES = 14
TERMS = (
    "second",
    "returned",
    "refined_iou",
    "evidence",
    "certainty",
    "shape",
    "area",
    "likeness",
    "agreement",
)
Row = dict[str, float]  # the terms, and "iou"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_annotation_quality", description=__doc__)
    parser.add_argument("--cutouts", type=Path, required=True, help="folder of `avseg data cutouts`")
    parser.add_argument("--backgrounds", type=Path, help="folder of photos; default: drawn backgrounds")
    parser.add_argument("--films", type=int, default=20, help="films of each half (default 20)")
    parser.add_argument("--rows", type=Path, nargs=2, help="read the terms of both halves from json files instead")
    parser.add_argument("--fit", action="store_true", help="fit and print the calibration")
    options = parser.parse_args(arguments)
    halves: list[list[Row]] = []
    for half in (0, 1):
        if options.rows:
            halves.append(json.loads(options.rows[half].read_text()))
        else:
            halves.append(list(collect(Studio(options.cutouts, options.backgrounds), half, options.films)))
    if options.fit:
        fit(halves[0])
    for title, rows in zip(("fitted on", "held out"), halves, strict=True):
        count(title, rows)
    return 0


def collect(studio: Studio, half: int, films: int) -> Iterator[Row]:
    """Propagate through films of one half of the cut-outs; yield the terms of each frame."""
    names = np.random.default_rng(5).permutation(studio.names)
    names = np.array_split(names, 2)[half]
    segmenter, propagator, second = make_segmenter(), make_propagator("light"), make_propagator("flow")
    for number in range(films):
        film = studio.film(str(names[number % len(names)]), 100 + number, FRAMES, number % 2 == 0, number % 3 > 0)
        accepted = {0: {1: film.mask(0)}}
        if number % 5 == 4:
            accepted[FRAMES - 1] = {1: film.mask(FRAMES - 1)}
        for result in propagate(film, (0, FRAMES), accepted, [1], segmenter, propagator, second=second):
            truth = film.mask(result.frame)
            if truth.any() or result.mask.any():
                yield {**result.terms, "iou": iou(result.mask, truth)}


def fit(rows: Sequence[Row]) -> None:
    """Fit weights that are not negative to clearly wrong and clearly right frames, which weigh the same in sum."""
    clear = [row for row in rows if (row["iou"] < WRONG or row["iou"] > RIGHT) and row["visible"] > 0]
    right = torch.tensor([row["iou"] > RIGHT for row in clear])
    logs = torch.full((len(clear), len(TERMS)), float("nan"))
    for index, row in enumerate(clear):
        for column, term in enumerate(TERMS):
            if term in row:
                logs[index, column] = float(np.log(max(row[term], FLOOR)))
    typical = torch.nanmedian(logs[right], 0).values.nan_to_num(-0.1)
    inputs = (logs - typical).nan_to_num(0)
    raw = nn.Parameter(torch.full((len(TERMS),), 0.5))
    bias = nn.Parameter(torch.tensor(1.0))
    balance = torch.where(right, 0.5 / right.sum(), 0.5 / (~right).sum())
    optimizer = torch.optim.LBFGS([raw, bias], max_iter=300)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        odds = bias + inputs @ raw.clamp(min=0)
        losses = nn.functional.binary_cross_entropy_with_logits(odds, right.float(), reduction="none")
        loss = (balance * losses).sum() + 0.01 * (raw**2).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)
    print(f"BIAS = {float(bias.detach()):.2f}")
    for term, weight, median in zip(TERMS, raw.detach().clamp(min=0), typical, strict=True):
        print(f'    "{term}": ({float(weight):.2f}, {float(median.exp()):.2f}),')


def count(title: str, rows: Sequence[Row]) -> None:
    """Print how many wrong and how many right frames are marked."""
    marked = np.array(
        [frame_score({name: value for name, value in row.items() if name != "iou"}) < BAD for row in rows]
    )
    overlap = np.array([row["iou"] for row in rows])
    for name, chosen in ((f"IoU below {WRONG}", overlap < WRONG), (f"IoU above {RIGHT}", overlap > RIGHT)):
        share = float(marked[chosen].mean()) if chosen.any() else float("nan")
        print(f"{title}: {name}: {int(marked[chosen].sum())} of {int(chosen.sum())} frames marked ({share:.2f})")


if __name__ == "__main__":
    sys.exit(main())
