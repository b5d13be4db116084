"""The functions of `import avseg`."""

from pathlib import Path
from typing import Any

from avseg.config.compose import compose_evaluate
from avseg.models.experiment import ExperimentModule
from avseg.prediction.api import predict
from avseg.training.evaluate import evaluate as run_evaluation
from avseg.training.load import load_model

__all__ = ["evaluate", "load", "predict"]


def load(run_or_file: str | Path) -> ExperimentModule:
    """Load a model, in evaluation mode on the CPU.

    Args:
        run_or_file: a run directory (its best checkpoint); a file, a checkpoint or official weights; a name that
            `avseg weights` lists, such as "avsegformer_pvt_ms3"; or "hf:owner/name". The last two are fetched once.

    Raises:
        UserError: it does not exist or cannot be used.
    """
    return load_model(run_or_file)


def evaluate(run_or_file: str | Path, **options: Any) -> dict[str, Any]:
    """Score a model on a split, with the controls.

    Args:
        run_or_file: as for `load`.
        options: keys of `avseg evaluate`, such as split="val", root="data/toy_ms3", out="scores".

    Returns:
        The content of result.json: `{"split": ..., "scores": {"own": {...}, "silence": {...}, ...}, ...}`.

    Raises:
        UserError: a mistake in the options, in the data or in the checkpoint.
    """
    overrides = [f"checkpoint={run_or_file}"]
    for key, value in options.items():
        overrides.append(f"{key}={'null' if value is None else value}")
    return run_evaluation(compose_evaluate(overrides))
