"""Read the released log-mel files without running the code in them, and write files that the official code reads.

They are plain pickles of a torch tensor, which `torch.load` does not read. A pickle is a program; only the calls that
rebuild a tensor are allowed here, and the numbers inside are read with `weights_only=True`.
"""

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from avseg.utils.errors import UserError
from avseg.utils.files import atomic_file


def read_log_mel(path: Path) -> Tensor:
    """Read the log-mel patches (P, 1, 96, 64) float32 of a released file, written by `pickle.dump` or `torch.save`.

    Raises:
        UserError: missing, unreadable, anything but such a tensor (code in it never runs), or all NaN.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing; the clip's log-mel patches are expected there")
    try:
        value = _load(path.read_bytes())
    except Exception as error:  # a damaged pickle can raise anything
        reason = str(error).split("\n")[0].split(". ")[0]
        raise UserError(
            f"{path} is not a pickled tensor ({reason}); refused and not run, use `data.audio=wav` or fetch it again"
        ) from error
    return _check_patches(path, value)


def write_log_mel(path: Path, patches: Tensor) -> None:
    """Write log-mel patches (P, 1, 96, 64) float32 as released: a pickle, which the official `pickle.load` reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as temporary:
        temporary.write_bytes(pickle.dumps(_Released(patches)))


def _check_patches(path: Path, value: object) -> Tensor:
    if not isinstance(value, Tensor):
        raise UserError(f"{path} holds a {type(value).__name__}; expected log-mel patches (P, 1, 96, 64)")
    if value.ndim != 4 or value.shape[1:] != (1, 96, 64) or value.shape[0] == 0:
        raise UserError(f"{path} holds a tensor {tuple(value.shape)}; expected log-mel patches (P, 1, 96, 64)")
    patches = value.detach().float()
    if not patches.isfinite().any():
        raise UserError(f"{path} holds only NaN or infinite numbers; use `data.audio=wav` or fetch it again")
    return patches


def _load(content: bytes) -> object:
    if content.startswith(b"PK"):  # torch.save writes a zip archive since torch 1.6
        return _torch_load(content)
    value = _TensorUnpickler(io.BytesIO(content)).load()
    # older files of torch.save begin with a number
    return _torch_load(content) if isinstance(value, int) else value


def _torch_load(content: bytes) -> object:
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


class _Released:
    """Pickles as a call that loads a tensor; the pickle of a tensor itself holds an address, other in each process."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor.detach().clone()  # a view would be written with the whole tensor behind it

    def __reduce__(self) -> tuple[Callable[..., object], tuple[bytes]]:
        file = io.BytesIO()
        torch.save(self.tensor, file)
        return torch.storage._load_from_bytes, (file.getvalue(),)


def _encode(text: str, _: str) -> bytes:
    return text.encode("latin1")


class _TensorUnpickler(pickle.Unpickler):
    """Unpickles tensors and nothing else."""

    _ALLOWED: ClassVar[dict[tuple[str, str], Callable[..., object]]] = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
        ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
        # torch's own function unpickles anything
        ("torch.storage", "_load_from_bytes"): _torch_load,
        # bytes in the first pickle protocols
        ("_codecs", "encode"): _encode,
    }

    def find_class(self, module: str, name: str) -> Callable[..., object]:
        """Return the allowed function for a name; called for every name in the pickle before it is used."""
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"it asks for '{module}.{name}'")
        return self._ALLOWED[module, name]
