"""Reading weights that others made, without ever running code that may hide in them."""

import os
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from avseg.utils.errors import UserError

SUFFIXES = (".safetensors", ".pth", ".pt")
WRAPPERS = ("state_dict", "model")


def cache_folder() -> Path:
    """Where downloaded weights lie and where a user may put them: `$AVSEG_CACHE`, else ~/.cache/avseg."""
    return Path(os.environ.get("AVSEG_CACHE") or Path.home() / ".cache" / "avseg")


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Reads a state dict from a .safetensors, .pth or .pt file; nothing in the file is ever executed.

    Returns:
        names to tensors, on the CPU. A dict wrapped as {"state_dict": ...} or {"model": ...} is unwrapped.

    Raises:
        UserError: no such file, a damaged one, one with code in it, or one without a state dict.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such weights file; give the path of a .pth, .pt or .safetensors file")
    content = _read(path)
    for key in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content or not all(_is_entry(item) for item in content.items()):
        raise UserError(f"{path}: holds no state dict (names to tensors); save model.state_dict() alone")
    return dict(content)


def _read(path: Path) -> object:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():  # torch's word on old pickles would stand before ours
            warnings.simplefilter("ignore", UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path}: holds more than plain weights (code or unknown objects) or is damaged, so it was not loaded; "
            "save model.state_dict() alone, best as .safetensors"
        ) from error
    except (SafetensorError, RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise UserError(f"{path}: empty, truncated or not a weights file; get the file again") from error


def _is_entry(item: tuple[object, object]) -> bool:
    return isinstance(item[0], str) and isinstance(item[1], Tensor)
