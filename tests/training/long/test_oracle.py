"""Branches that know the truth: what the evaluation then gives must equal the definition, written out the slow way.

The truth is read here from the files of the release: arrays, annotations, times of frames. Nothing of it goes through
the data module, the aggregation or the metric.
"""

import json
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from avseg.audio.frontend import LogMel
from avseg.config.compose import compose_train
from avseg.data.lu_avs import read_chunks, sound_patches
from avseg.models.lu_avs.composition import StrongModule
from avseg.models.lu_avs.queries import QueryOutput
from avseg.training.build import build_data
from avseg.training.load import load_model, saved_config
from tests.metrics import reference_long_video as reference

RATE = 4.0
SURE = 20.0


def corners(mask):
    """The box around the pixels of a mask; NaN around none."""
    y, x = np.nonzero(mask)
    return [x.min(), y.min(), x.max() + 1, y.max() + 1] if len(y) else [np.nan] * 4


class Truth:
    """A test video as its files say."""

    def __init__(self, root, name, entry, labels):
        with av.open(str(root / "videos" / f"{name}.mp4")) as file:
            times = sorted(float(frame.time) for frame in file.decode(video=0))
        self.times = [time - times[0] for time in times]
        self.segments = []
        for annotation in entry["annotations"]:
            start, end = annotation["segment"]
            label = annotation["label"].replace(" ", "_")
            folder = root / "annotations" / f"{name}__{label}__st__{start}__et__{end}"
            masks = np.load(folder / "masks.npy") if (folder / "masks.npy").is_file() else None
            boxes = np.load(folder / "bbox.npy") if masks is None else np.array([corners(mask) for mask in masks])
            self.segments.append((labels.index(annotation["label_id"]), start, end, masks, boxes))
        self.classes = sorted({segment[0] for segment in self.segments})
        duration = self.times[-1] + (self.times[-1] - self.times[-2])
        instants = [k / RATE for k in range(1000) if k / RATE < duration - 1e-3]
        self.grid = sorted({max(i for i, t in enumerate(self.times) if t <= now + 1e-4) for now in instants})

    def sounds(self, label, frame):
        return any(c == label and start <= frame < end for c, start, end, *_ in self.segments)

    def heard(self, label):
        """Whether the class sounds in at least half of each second."""
        edges = [*self.times, 2 * self.times[-1] - self.times[-2]]
        share = {}
        for frame, (begin, end) in enumerate(pairwise(edges)):
            for second in range(int(begin), int(end) + 1):
                inside = max(min(end, second + 1) - max(begin, second), 0)
                on, all_ = share.get(second, (0, 0))
                share[second] = (on + inside * self.sounds(label, frame), all_ + inside)
        return [on >= 0.5 * all_ - 1e-6 and all_ > 1e-6 for on, all_ in share.values()]

    def mask(self, label, frame):
        """What is annotated, and what is seen: the same, or in silence where the object was when it sounded last."""
        size = self.segments[0][3].shape[1:]
        annotated, seen = np.zeros(size, bool), np.zeros(size, bool)
        for c, start, end, masks, _ in self.segments:
            if c == label:
                near = masks[min(max(frame - start, 0), len(masks) - 1)] != 0
                seen |= near
                annotated |= near & (start <= frame < end)
        return annotated, seen if not annotated.any() else annotated

    def boxes(self, label, frame):
        """The same for boxes, as corners."""
        nearest = [
            (start <= frame < end, tuple(boxes[min(max(frame - start, 0), len(boxes) - 1)].tolist()))
            for c, start, end, _, boxes in self.segments
            if c == label
        ]
        annotated = tuple(box for sounds, box in nearest if sounds and np.isfinite(box).all())
        return annotated, annotated or tuple(box for _, box in nearest if np.isfinite(box).all())[:1]


class Seer(nn.Module):
    """A visual branch that knows each frame by its pixels."""

    def __init__(self, known, classes, region):
        super().__init__()
        self.known, self.classes, self.region = known, classes, region

    def forward(self, frames, sizes=None):
        frames = [self.known[frame.numpy().tobytes()] for frame in frames]
        queries = max(map(len, frames))
        logits = torch.zeros(len(frames), queries, self.classes + 1)
        logits[..., -1] = SURE
        regions = [torch.zeros(queries, *self.region) for _ in frames]
        for place, found in enumerate(frames):
            for query, (label, region) in enumerate(found):
                logits[place, query, -1], logits[place, query, label] = 0, SURE
                regions[place][query] = region
        kind = "boxes" if self.region == (4,) else "masks"
        return QueryOutput(logits, **{kind: torch.stack(regions)})


class Hearer(nn.Module):
    """A sound branch that knows each second by its patch."""

    def __init__(self, known):
        super().__init__()
        self.known = known

    def forward(self, patches):
        return torch.stack([torch.stack([self.known[p.numpy().tobytes()] for p in row]) for row in patches])


@pytest.fixture(scope="module")
def truths(lu_toy):
    entries = {}
    for path in lu_toy.glob("*_test.json"):
        entries |= json.loads(path.read_text())
    everything = [json.loads(path.read_text()) for path in lu_toy.glob("*segs_*.json")]
    everything += [json.loads(path.read_text()) for path in lu_toy.glob("seg_*.json")]
    labels = sorted({a["label_id"] for part in everything for v in part.values() for a in v["annotations"]})
    return {name: Truth(lu_toy, name, entry, labels) for name, entry in entries.items()}


def with_oracles(task, data, truths):
    """The task with its networks replaced."""
    names = [video.id for video in data.videos("test")]
    seers = {"V": [task], "A": [], "AV": [getattr(task, "visual", None)]}[task.modality]
    hearers = {"V": [], "A": [task], "AV": [getattr(task, "audio", None)]}[task.modality]
    seen, heard = {}, {}
    for name in names:
        truth, video = truths[name], data.release.videos[name]
        for chunk in read_chunks(video, np.inf) if seers else ():
            height, width = chunk.frames.shape[-2:]
            for number, frame in zip(chunk.index.tolist(), chunk.frames, strict=True):
                found = []
                for label in truth.classes:
                    if task.region == "mask":
                        found.append((label, torch.from_numpy(truth.mask(label, number)[1]) * 2 * SURE - SURE))
                    else:
                        for x0, y0, x1, y1 in truth.boxes(label, number)[1]:
                            box = [(x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height]
                            found.append((label, torch.tensor(box)))
                seen[frame.numpy().tobytes()] = found
        rows = torch.tensor([truth.heard(label) for label in truth.classes]).T
        for patch, row in zip(sound_patches(video, LogMel("second")), rows, strict=False):
            logits = torch.full((data.num_classes,), -SURE)
            logits[truth.classes] = torch.where(row, SURE, -SURE)
            heard[patch.numpy().tobytes()] = logits
    for seer in seers:
        seer.forward = Seer(seen, data.num_classes, (4,) if task.region == "box" else (32, 48)).forward
    for hearer in hearers:
        hearer.forward = Hearer(heard).forward
    return task


def expected(truths, names, region, modality, **options):
    """The scores of such branches by the definition."""
    videos = {}
    for name in names:
        truth, tracks = truths[name], {}
        for label in truth.classes:
            track, heard = reference.Track({}, {}), truth.heard(label)
            for frame in truth.grid:
                on = modality == "V" or heard[min(int(truth.times[frame] + 1e-4), len(heard) - 1)]
                if region == "none":
                    annotated, seen = truth.sounds(label, frame), True
                elif region == "mask":
                    annotated, seen = (frozenset(np.flatnonzero(m).tolist()) for m in truth.mask(label, frame))
                else:
                    annotated, seen = (
                        tuple(tuple(map(Fraction, box)) for box in boxes) for boxes in truth.boxes(label, frame)
                    )
                if annotated:
                    track.target[frame] = annotated
                if seen and on:
                    track.predicted[frame] = seen
                if truth.sounds(label, frame):
                    track.audible.add(frame)
                track.segments = [(s, e) for c, s, e, *_ in truth.segments if c == label]
            tracks[label] = track
        videos[name] = reference.Video(truth.grid, tracks)
    if modality == "V":
        options["predicted_range"] = "first_to_last"
    found = reference.score(videos, reference.Options(region=region, beta2=Fraction(3, 10), **options))
    return {key: None if score is None else float(score) for key, score in list(found.items())[:5]}


def scores_of(path, lu_toy, truths, **choices):
    task = load_model(path, {"score": choices, "smoothing": {"median": 0.0}})
    config = saved_config(task.record)
    data = build_data(replace(config, data=replace(config.data, rate=RATE)))
    settings = {"logger": False, "enable_progress_bar": False, "enable_checkpointing": False}
    trainer = pl.Trainer(accelerator="cpu", enable_model_summary=False, use_distributed_sampler=False, **settings)
    trainer.test(with_oracles(task, data, truths), datamodule=data, verbose=False)
    names = [video.id for video in data.videos("test")]
    return task.test_result["own"], expected(truths, names, task.region, task.modality, **choices)


@pytest.mark.parametrize("unit", ["video_class", "segment", "video"])
@pytest.mark.parametrize("branch", ["mask", "box", "audio", "strong_mask", "strong_box"])
def test_the_truth_scores_what_the_definition_says(lu_paths, lu_toy, truths, branch, unit):
    found, wanted = scores_of(lu_paths[branch], lu_toy, truths, unit=unit)
    for name, score in wanted.items():
        assert found[name] == pytest.approx(score if score is not None else float("nan"), abs=1e-4, nan_ok=True), name


def test_both_together_are_near_the_ceiling_and_pictures_alone_pay_for_silence(lu_paths, lu_toy, truths):
    for kind in ("mask", "box"):
        alone, _ = scores_of(lu_paths[kind], lu_toy, truths)
        both, _ = scores_of(lu_paths[f"strong_{kind}"], lu_toy, truths)
        assert alone["m_tIoU"] == pytest.approx(1, abs=1e-4)  # within the annotated time nothing is wrong
        assert both["m_tIoU"] > 0.8  # what seconds leave of segments that begin anywhere
        assert both["m_vIoU"] > 0.7
        assert alone["m_vIoU"] < both["m_vIoU"] - 0.1


def test_the_configuration_names_the_rate():
    assert compose_train(["model=lu_avs_mask", "data.rate=1"]).data.rate == 1


def test_a_composition_is_of_its_branches(lu_paths):
    assert isinstance(load_model(lu_paths["strong_mask"]), StrongModule)
