"""Read weight files from any source without executing code that they may contain."""

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TypeGuard

import torch
from safetensors.torch import load_file
from torch import Tensor

from avseg.utils.errors import UserError
from avseg.utils.used_files import note_file

SUFFIXES = (".safetensors", ".pth", ".pt")
WRAPPERS = ("state_dict", "model")


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read a state dict from a .safetensors, .pth or .pt file to the CPU; nothing in the file is ever executed.

    A dict wrapped as {"state_dict": ...} or {"model": ...} is unwrapped. A file that is missing or damaged, contains
    code, or has no state dict is a `UserError`.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such weights file; give the path of a .pth, .pt or .safetensors file")
    note_file(path)
    content = _read(path)
    for key in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not _is_state_dict(content):
        raise UserError(f"{path}: contains no state dict (names to tensors); save model.state_dict() alone")
    return dict(content)


def _read(path: Path) -> object:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        # hide torch's warning about old pickles; we raise our own error
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path}: contains more than plain weights (code or unknown objects) or is damaged, so it was not loaded; "
            "save model.state_dict() alone, preferably as .safetensors"
        ) from error
    except Exception as error:  # the readers raise a dozen types on arbitrary bytes
        raise UserError(f"{path}: empty, truncated or not a weights file; get the file again") from error


def _is_state_dict(content: object) -> TypeGuard[Mapping[str, Tensor]]:
    if not isinstance(content, Mapping) or not content:
        return False
    return all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in content.items())
