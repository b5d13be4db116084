"""`avseg convert`: official weights to an avseg checkpoint, and back."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors.torch import save

from avseg.cli.data_common import check_not_folder
from avseg.models.experiment import ExperimentModule
from avseg.training.load import load_model, load_parts
from avseg.training.published import load_identified, load_official
from avseg.training.source import find_source
from avseg.utils.errors import UserError
from avseg.utils.files import atomic_file


def run(arguments: argparse.Namespace) -> int:
    """Convert a file; raises `UserError` for one that cannot be read or does not fit."""
    out: Path = arguments.out
    overrides: list[str] = arguments.overrides
    check_not_folder("--out", out, "file")
    source = find_source(arguments.source)
    if out.exists() and source.path.exists() and out.samefile(source.path):
        raise UserError(f"--out {out}: is the file to convert; name another")
    described = source.record is not None or source.path.is_dir() or _is_checkpoint(source.path)
    if described and overrides:
        raise UserError(f"{overrides[0]}: {source.name} has its configuration; leave KEY=VALUE out")
    if source.record is not None:
        _write_checkpoint(load_model(source), out)
    elif described:
        _write_official(load_model(source), out)
    else:
        # without a description it may be a published file
        model = None if overrides else load_identified(source.path, load_parts)
        _write_checkpoint(model or load_official(source.path, overrides, load_parts), out)
    print(f"written to {out}")
    return 0


def _is_checkpoint(path: Path) -> bool:
    if path.suffix == ".safetensors":
        return False
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # whatever is wrong with it, the reader of weights has the better message
        return False
    return isinstance(content, dict) and "avseg" in content


def _write_official(model: ExperimentModule, out: Path) -> None:
    state = model.export_weights()  # official names
    if out.suffix == ".safetensors":
        content = save({key: value.contiguous().clone() for key, value in state.items()})
        _write(out, lambda file: file.write(content))
    else:
        _write(out, lambda file: torch.save(state, file))


def _write_checkpoint(model: ExperimentModule, out: Path) -> None:
    checkpoint: dict[str, Any] = {"state_dict": model.state_dict()}
    model.on_save_checkpoint(checkpoint)
    _write(out, lambda file: torch.save(checkpoint, file))


def _write(out: Path, save_to: Callable[[BinaryIO], object]) -> None:
    # a full disk is an `OSError` of Python's files, but not where torch opens the file
    with atomic_file(out) as path, path.open("wb") as file:
        save_to(file)
