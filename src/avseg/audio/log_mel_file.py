"""Reading the released log-mel files without ever running what is in them.

They are plain pickles of a torch tensor, which `torch.load` does not read. A pickle is a program; here only the calls
that rebuild a tensor are allowed, and the numbers inside are read with `weights_only=True`.
"""

import io
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from avseg.utils.errors import UserError


def read_log_mel(path: Path) -> Tensor:
    """The log-mel patches of a released file, written by `pickle.dump` or `torch.save`.

    Args:
        path: `audio_log_mel/.../{name}.pkl`.

    Returns:
        (P, 1, 96, 64) float32.

    Raises:
        UserError: missing, unreadable, holds anything but such a tensor (code in it never runs), or is all NaN.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing; the clip's log-mel patches are expected there")
    try:
        value = _read(path.read_bytes())
    except Exception as error:  # a damaged pickle can raise anything
        reason = str(error).split("\n")[0].split(". ")[0]
        raise UserError(
            f"{path} is not a pickled tensor ({reason}); refused and not run, use `data.audio=wav` or fetch it again"
        ) from error
    return _checked(path, value)


def _checked(path: Path, value: Any) -> Tensor:
    if not isinstance(value, Tensor) or value.ndim != 4 or value.shape[1:] != (1, 96, 64) or value.shape[0] == 0:
        found = f"a tensor {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
        raise UserError(f"{path} holds {found}; expected log-mel patches (P, 1, 96, 64)")
    patches = value.detach().float()
    if not patches.isfinite().any():
        raise UserError(f"{path} holds only NaN or infinite numbers; use `data.audio=wav` or fetch it again")
    return patches


def _read(content: bytes) -> Any:
    if content.startswith(b"PK"):  # torch.save of today is a zip archive
        return _torch_load(content)
    value = _TensorUnpickler(io.BytesIO(content)).load()
    return _torch_load(content) if isinstance(value, int) else value  # torch.save of old begins with a number


def _torch_load(content: bytes) -> Any:
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


class _TensorUnpickler(pickle.Unpickler):
    """Finds what rebuilds a tensor, and nothing else."""

    _ALLOWED: ClassVar[dict[tuple[str, str], Any]] = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
        ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
        # the original unpickles without restraint
        ("torch.storage", "_load_from_bytes"): _torch_load,
        # how the first pickle protocols write bytes
        ("_codecs", "encode"): lambda text, _: text.encode("latin1"),
    }

    def find_class(self, module: str, name: str) -> Any:
        """Called for every name in the pickle before anything is done with it."""
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"it asks for '{module}.{name}'")
        return self._ALLOWED[module, name]
