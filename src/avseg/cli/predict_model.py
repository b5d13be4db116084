"""The model of `avseg predict` and its options."""

import argparse
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from avseg.prediction.api import make_predictor
from avseg.prediction.clip_predictor import ClipPredictor
from avseg.prediction.device import find_device
from avseg.prediction.long_predictor import LongPredictor
from avseg.runs.find import newest_complete_run
from avseg.training.load import load_model
from avseg.training.source import find_source
from avseg.utils.errors import UserError

_MACHINE = ("device", "batch")  # options that results do not depend on


@dataclass(frozen=True)
class Options:
    """The settings that all videos of a command share."""

    checkpoint: str | None
    every_frame: bool
    threshold: float | None
    rate: float | None
    batch: int | None
    device: str
    silence: bool
    audio_track: int | None
    allow_truncated: bool
    lu_avs: bool
    save_masks: bool

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> "Options":
        """Take the options from the command line; the model is by default that of the newest complete run."""
        values = {field.name: getattr(arguments, field.name) for field in fields(cls)}
        source = arguments.checkpoint or newest_complete_run(Path("outputs"))
        return cls(**values | {"checkpoint": None if source is None else str(source)})

    def record(self) -> dict[str, object]:
        """Return the options that the results depend on."""
        return {name: value for name, value in asdict(self).items() if name not in _MACHINE}


class LoadedModel(NamedTuple):
    """A model that is ready to predict."""

    predictor: ClipPredictor | LongPredictor
    checkpoint: dict[str, str]  # the entry of `scores.json`


def load_predictor(options: Options) -> LoadedModel:
    """Load the model; raises `UserError` if there is none, or for options that it does not have."""
    if options.checkpoint is None:
        raise UserError(
            "no complete run under outputs/: `avseg demo` makes one in minutes, `avseg train ...` a real one; "
            "or name one with --model: a run, a file, published weights (`avseg weights` lists them), hf:owner/name"
        )
    device = find_device(options.device)
    source = find_source(options.checkpoint)
    model = load_model(source)
    predictor = make_predictor(
        model.to(device),
        every_frame=options.every_frame,
        threshold=options.threshold,
        batch=options.batch,
        rate=options.rate,
        device=device,
    )
    _check_long_options(predictor, options)
    if not model.config.trained:  # a composition of finished runs, without weights of its own
        runs = {f"{role}_run": run.run for role, run in model.config.sources().items()}
        return LoadedModel(predictor, {"path": str(source.path), **runs})
    return LoadedModel(predictor, source.origin())


@lru_cache(maxsize=1)
def load_once(options: Options) -> LoadedModel:
    """Load the model at the first video of a process."""
    return load_predictor(options)


def _check_long_options(predictor: ClipPredictor | LongPredictor, options: Options) -> None:
    if isinstance(predictor, ClipPredictor):
        for option, value in (("--lu-avs", options.lu_avs), ("--save-masks", options.save_masks)):
            if value:
                raise UserError(f"{option} is for runs on long videos of LU-AVS, not on clips; leave it out")
    elif options.save_masks and predictor.region != "mask":
        regions = {"box": "boxes", "none": "no regions"}[predictor.region]
        raise UserError(f"--save-masks: this run predicts {regions}; --lu-avs alone writes what there is")
