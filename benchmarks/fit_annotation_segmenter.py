"""Fit the networks of the segmenter `light`: `python -m benchmarks.fit_annotation_segmenter --cutouts DIR --out FILE`.

Frames are composed of one half of the cut-outs; the other half is for the figures (`bench_annotation_masks --half 1`).
The first network learns the superpixels of an object from random clicks and boxes, the second one from these and from
what the first one says. Two more learn from boxes alone, tight and loose ones; a box of a person ends at the image.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from avseg.annotate.backends.light.prompt_features import (
    Prompts,
    context_features,
    prompt_features,
)
from avseg.annotate.backends.light.region_nets import NAMES, RegionNet, read_nets
from avseg.annotate.backends.light.scene import Numbers, Scene, build_scene
from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Box, Map, Mask
from benchmarks.annotation_films import Studio
from benchmarks.bench_annotation_masks import deepest

STATES = 6  # random prompts of each frame
BOXES = 5  # random boxes of each frame
HIDDEN = (40, 24)
BATCH = 8192
MIN_PIXELS = 150
SIZES = ((0.25, 0.45), (0.1, 0.25), (0.45, 0.8), (0.25, 0.45), (0.8, 1.2))  # longer sides, as shares of the width


class Sample(NamedTuple):
    """Superpixels of one frame with one state of the prompts."""

    features: Map  # (n, C)
    target: Numbers  # (n,), share that the object covers
    weight: Numbers  # (n,)
    scene: Scene


@dataclass(frozen=True)
class Example:
    """A frame with its exact mask."""

    scene: Scene
    mask: Mask
    target: Numbers

    @property
    def weight(self) -> Numbers:
        """Weight superpixels by their pixels; small objects count nearly as much as large ones."""
        size = self.scene.superpixels.size
        share = (self.target * size).sum() / size.sum()
        return np.asarray(size / size.mean() * np.sqrt(0.08 / max(share, 0.005)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fit_annotation_segmenter", description=__doc__)
    parser.add_argument("--cutouts", type=Path, required=True, help="folder of `avseg data cutouts`")
    parser.add_argument("--backgrounds", type=Path, help="folder of photos for two of three frames")
    parser.add_argument("--frames", type=int, default=180, help="composed frames (default 180)")
    parser.add_argument("--keep", type=Path, help="a file whose networks of all prompts are kept; fit those of boxes")
    parser.add_argument("--out", type=Path, required=True, help="region_nets.npz to write")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    examples = list(compose(options.cutouts, options.backgrounds, options.frames))
    if options.keep:
        nets = read_nets(options.keep)[:2]
    else:
        nets = fit_pair(examples, random_prompts, STATES, np.random.default_rng(0))
    save(options.out, [*nets, *fit_pair(examples, random_box, BOXES, np.random.default_rng(1))])
    return 0


def fit_pair(
    examples: Sequence[Example],
    draw: Callable[[np.random.Generator, Example], Prompts],
    states: int,
    rng: np.random.Generator,
) -> list[RegionNet]:
    """Fit a network to random prompts, and one that also sees what the first one says."""
    samples = []
    for example in examples:
        for _ in range(states):
            features = prompt_features(example.scene, draw(rng, example))
            samples.append(Sample(features, example.target, example.weight, example.scene))
    first = fit(samples)
    seen = []
    for sample in samples:
        context = context_features(sample.scene, first(sample.features))
        seen.append(sample._replace(features=np.concatenate([sample.features, context], 1)))
    return [first, fit(seen)]


def compose(cutouts: Path, backgrounds: Path | None, count: int) -> Iterator[Example]:
    """Compose frames of the first half of the cut-outs, with objects from small ones to those that leave the frame."""
    names = Studio(cutouts, half=0).names
    for number in range(count):
        photos = None if number % 3 == 0 else backgrounds
        studio = Studio(cutouts, photos, sizes=SIZES[number % len(SIZES)], half=0)
        film = studio.film(names[number % len(names)], 30_000 + number, 1)
        mask = film.mask(0)
        if np.count_nonzero(mask) > MIN_PIXELS:
            scene = build_scene(film.image(0))
            yield Example(scene, mask, scene.superpixels.covered_share(scene.crop.shrink(mask) > 0.5))


def random_prompts(rng: np.random.Generator, example: Example) -> Prompts:
    """Draw clicks in the object and near it, or a box with up to two clicks."""
    ring = (cv.dilate(example.mask.astype(np.uint8), np.ones((81, 81))) > 0) & ~example.mask
    points: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    shares: Box | None = None
    if rng.random() < 0.35:
        shares = _box_of(example.mask, rng.uniform(-0.03, 0.12, 4) if rng.random() < 0.6 else np.zeros(4))
        if rng.random() < 0.4:
            signs = rng.random(int(rng.integers(1, 3))) < 0.5
            inside, outside = int(signs.sum()), int((~signs).sum())
        else:
            inside = outside = 0
    else:
        inside = int(rng.choice([0, 1, 2, 3, 4], p=[0.4, 0.2, 0.2, 0.1, 0.1]))
        outside = int(rng.choice([0, 1, 2, 3], p=[0.45, 0.25, 0.2, 0.1]))
        points[True].append(deepest(example.mask) if rng.random() < 0.4 else _random_point(rng, example.mask))
    points[True] += [_random_point(rng, example.mask) for _ in range(inside)]
    points[False] += [_random_point(rng, ring) for _ in range(outside if ring.any() else 0)]
    ids = {sign: {example.scene.superpixel_at(x, y) for x, y in pixels} for sign, pixels in points.items()}
    return Prompts(sorted(ids[True]), sorted(ids[False]), shares)


def random_box(rng: np.random.Generator, example: Example) -> Prompts:
    """Draw a box: tight, a bit off, loose by another share at each side, or evenly loose."""
    kind = rng.random()
    if kind < 0.25:
        margins = np.zeros(4)
    elif kind < 0.5:
        margins = rng.uniform(-0.03, 0.12, 4)
    elif kind < 0.75:
        margins = rng.uniform(0, 0.25, 4)
    else:
        margins = np.full(4, rng.uniform(0, 0.2))
    height, width = np.array(example.mask.shape) / max(example.mask.shape)
    left, top, right, bottom = _box_of(example.mask, margins)
    return Prompts([], [], (max(left, 0.0), max(top, 0.0), min(right, width), min(bottom, height)))


def fit(samples: Sequence[Sample], epochs: int = 5) -> RegionNet:
    """Fit a network to the superpixels of all samples."""
    torch.manual_seed(0)
    x = torch.from_numpy(np.concatenate([sample.features for sample in samples]))
    y = torch.from_numpy(np.concatenate([sample.target for sample in samples])).float()
    weight = torch.from_numpy(np.concatenate([sample.weight for sample in samples])).float()
    mean, deviation = x.mean(0), x.std(0) + 1e-3
    x = ((x - mean) / deviation).clamp(-4, 4)
    layers = [nn.Linear(x.shape[1], HIDDEN[0]), nn.Linear(*HIDDEN), nn.Linear(HIDDEN[1], 1)]
    net = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
    steps = max(epochs * len(x) // BATCH, 1)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 8e-3, total_steps=steps + 1)
    for _ in range(steps):
        chosen = torch.randint(0, len(x), (BATCH,))
        loss = nn.functional.binary_cross_entropy_with_logits(net(x[chosen])[:, 0], y[chosen], weight=weight[chosen])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    print(f"{len(samples)} states, loss {float(loss.detach()):.4f}")
    arrays = [(layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in layers]
    return RegionNet(mean.numpy(), deviation.numpy(), arrays)


def save(path: Path, nets: Sequence[RegionNet]) -> None:
    """Write the file that `RegionNets.load` reads."""
    arrays: dict[str, Map] = {}
    for name, net in zip(NAMES, nets, strict=True):
        arrays |= {f"{name}.mean": net.mean, f"{name}.deviation": net.deviation}
        for number, (weight, bias) in enumerate(net.layers):
            arrays |= {f"{name}.weight{number}": weight, f"{name}.bias{number}": bias}
    np.savez_compressed(path, allow_pickle=False, **arrays)


def _random_point(rng: np.random.Generator, mask: Mask) -> tuple[float, float]:
    """Draw a pixel of a mask, rather far from its border."""
    depth = cv.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv.DIST_L2, 3)[1:-1, 1:-1].ravel() ** 2
    index = int(rng.choice(len(depth), p=depth / depth.sum()))
    return float(index % mask.shape[1]), float(index // mask.shape[1])


def _box_of(mask: Mask, margins: npt.NDArray[np.float64]) -> Box:
    """Return the bounding box of a mask, each side moved out by a share of width or height, in shares of the image."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    width, height = columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0]
    left, top = columns[0] - margins[0] * width, rows[0] - margins[1] * height
    right, bottom = columns[-1] + 1 + margins[2] * width, rows[-1] + 1 + margins[3] * height
    longer = max(mask.shape)
    return (left / longer, top / longer, right / longer, bottom / longer)


if __name__ == "__main__":
    sys.exit(main())
