"""A task from a checkpoint alone."""

import pickle
from pathlib import Path
from typing import Any

import torch

from avseg.config.schema import validate
from avseg.errors import UserError
from avseg.runs.find import checkpoint_of
from avseg.tasks.avs import AVSTask
from avseg.tasks.build import build_task


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Reads a checkpoint of a run without ever executing what it may contain.

    Raises:
        UserError: it is damaged, holds code, or is not a checkpoint of avseg.
    """
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"checkpoint {path} is no checkpoint or holds more than weights and plain values, so it was not read; "
            "load those of avseg only"
        ) from error
    except PermissionError as error:
        raise UserError(f"checkpoint {path} cannot be read ({error.strerror})") from error
    except (RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise UserError(f"checkpoint {path} is damaged; delete it and run the training command again") from error
    if not isinstance(checkpoint, dict) or "avseg" not in checkpoint or "state_dict" not in checkpoint:
        raise UserError(
            f"checkpoint {path} was not made by avseg; official AVSBench weights become one with `avseg convert`"
        )
    return checkpoint


def load_task(run_or_checkpoint: Path) -> AVSTask:
    """Rebuilds the model of a run, in evaluation mode on the CPU.

    Args:
        run_or_checkpoint: a run directory (its best checkpoint) or a checkpoint file.

    Raises:
        UserError: there is no such checkpoint, or it cannot be used.
    """
    path = checkpoint_of(run_or_checkpoint)
    checkpoint = read_checkpoint(path)
    try:
        config = checkpoint["avseg"]["config"]
        validate(config)
        task = build_task(config, pretrained=False)
        task.load_state_dict(checkpoint["state_dict"])
    except (RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"checkpoint {path} does not fit the model of its own configuration; another version made it"
        ) from error
    return task.eval()
