"""`avseg convert`: official weights to an avseg checkpoint, and back."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors.torch import save

from avseg.cli.data_common import check_not_folder
from avseg.config.compose import compose_train
from avseg.data.setting import find_setting
from avseg.training.build import DataFacts, build_model
from avseg.training.load import load_model
from avseg.utils.errors import UserError
from avseg.utils.files import atomic_file
from avseg.utils.weights_file import read_state_dict


def run(arguments: argparse.Namespace) -> int:
    """Convert a file; raises `UserError` for one that cannot be read or does not fit."""
    source: Path = arguments.source
    out: Path = arguments.out
    check_not_folder("--out", out, "file")
    if out.exists() and source.exists() and out.samefile(source):
        raise UserError(f"--out {out}: is the file to convert; name another")
    if source.is_dir() or _is_checkpoint(source):
        if arguments.overrides:
            raise UserError(f"{arguments.overrides[0]}: {source} has its configuration; leave KEY=VALUE out")
        _to_official(source, out)
    else:
        _from_official(source, out, arguments.overrides)
    print(f"written to {out}")
    return 0


def _is_checkpoint(path: Path) -> bool:
    # a file that cannot be read is reported by the reader of weights
    if not path.is_file():
        raise UserError(f"{path} does not exist; give a file of official weights, or a run or checkpoint of avseg")
    if path.suffix == ".safetensors":
        return False
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # whatever is wrong with it, the reader of weights has the better message
        return False
    return isinstance(content, dict) and "avseg" in content


def _to_official(source: Path, out: Path) -> None:
    model = load_model(source)
    state = model.export_weights()  # official names
    if out.suffix == ".safetensors":
        content = save({key: value.contiguous().clone() for key, value in state.items()})
        _write(out, lambda file: file.write(content))
    else:
        _write(out, lambda file: torch.save(state, file))


def _from_official(source: Path, out: Path, overrides: list[str]) -> None:
    official = read_state_dict(source)
    config = compose_train(overrides)
    if config.backbone is not None:
        # the file brings the backbone's weights; VGGish's are not in it
        config = compose_train([*overrides, "backbone.pretrained=false"])
    model = build_model(config, DataFacts(find_setting(config.data.setting)))
    model.import_weights(official)
    checkpoint: dict[str, Any] = {"state_dict": model.state_dict()}
    model.on_save_checkpoint(checkpoint)
    _write(out, lambda file: torch.save(checkpoint, file))


def _write(out: Path, save_to: Callable[[BinaryIO], object]) -> None:
    # a full disk is an `OSError` of Python's files, but not where torch opens the file
    with atomic_file(out) as path, path.open("wb") as file:
        save_to(file)
