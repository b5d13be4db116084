"""A task from a checkpoint alone."""

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from avseg.config.branch import COMPOSED
from avseg.config.schema import validate
from avseg.models.avs.module import AVSTask
from avseg.runs import checkpoint_of, read_config
from avseg.training.build import build_any
from avseg.utils.errors import UserError

if TYPE_CHECKING:
    from avseg.models.lu_avs.base import VideoTest


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
    """Rebuilds an AVS model, in evaluation mode on the CPU.

    Args:
        run_or_checkpoint: a run directory (its best checkpoint) or a checkpoint file.

    Raises:
        UserError: there is no such checkpoint, it cannot be used, or it is of a branch of the strong baseline.
    """
    task = load_any(run_or_checkpoint)
    if not isinstance(task, AVSTask):
        raise UserError(
            f"{run_or_checkpoint} is no AVS model but branch={task.config['branch']['name']} of long videos"
        )
    return task


def load_any(run_or_checkpoint: Path) -> "AVSTask | VideoTest":
    """Rebuilds the model of a run, in evaluation mode on the CPU.

    Args:
        run_or_checkpoint: a run directory (its best checkpoint) or a checkpoint file.

    Raises:
        UserError: there is no such checkpoint, or it cannot be used.
    """
    if composition := _composition(run_or_checkpoint):
        return composition
    path = checkpoint_of(run_or_checkpoint)
    checkpoint = read_checkpoint(path)
    try:
        config = checkpoint["avseg"]["config"]
        validate(config)
        task = build_any(config, checkpoint["avseg"].get("labels", []), pretrained=False)
        task.load_state_dict(checkpoint["state_dict"])
    except (RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"checkpoint {path} does not fit the model of its own configuration; another version made it"
        ) from error
    return task.eval()


def _composition(run: Path) -> "VideoTest | None":
    """The two branches that a run of the strong baseline is of; it has no weights of its own."""
    config = read_config(run)
    if config.get("branch", {}).get("name") not in COMPOSED:
        return None
    from avseg.models.lu_avs.build import build_long_task

    # a folder of runs that was moved as a whole: outputs/EXPERIMENT/NAME/seed=N
    return build_long_task(config, [], outputs=run.resolve().parents[2]).eval()
