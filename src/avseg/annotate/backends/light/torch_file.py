"""Read the weights of a file in torch.save's first format without PyTorch, whose import takes seconds and 450 MB."""

import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from avseg.utils.errors import UserError

Array = npt.NDArray[Any]
_TYPES: dict[str, np.dtype[Any]] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}
_Tensor = tuple[tuple[str, str], int, tuple[int, ...], tuple[int, ...]]  # storage, offset, shape, strides


def read_weights(path: Path) -> dict[str, Array]:
    """Read a state dict; only the calls that describe tensors are allowed in the file.

    Raises:
        UserError: it is not such a file.
    """
    try:
        with path.open("rb") as file:
            for _ in range(3):  # magic number, version, properties of the machine
                _StateUnpickler(file).load()
            state: Mapping[str, _Tensor] = _StateUnpickler(file).load()
            keys: list[str] = _StateUnpickler(file).load()
            types = {tensor[0][1]: _TYPES[tensor[0][0]] for tensor in state.values()}
            storages: dict[str, Array] = {}
            for key in keys:
                (count,) = struct.unpack("<q", file.read(8))
                content = file.read(count * types[key].itemsize)
                if len(content) < count * types[key].itemsize:
                    raise EOFError("it is cut off")
                storages[key] = np.frombuffer(content, types[key])
            weights = {name: _as_array(tensor, storages) for name, tensor in state.items()}
    except (
        OSError,
        EOFError,
        LookupError,
        TypeError,
        AttributeError,
        ValueError,
        struct.error,
        pickle.UnpicklingError,
    ) as error:
        raise UserError(f"{path}: not a file of weights ({error}); install its package again") from error
    return weights


def _as_array(tensor: _Tensor, storages: Mapping[str, Array]) -> Array:
    """Copy a tensor out of its storage; raises ValueError or TypeError if it reaches beyond it."""
    (_, key), offset, shape, strides = tensor
    values = storages[key]
    steps = [stride * values.itemsize for stride in strides]
    return np.array(np.ndarray(shape, values.dtype, values, offset * values.itemsize, steps))


def _describe(storage: tuple[str, str], offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> Any:
    return storage, offset, shape, strides


class _StateUnpickler(pickle.Unpickler):
    _ALLOWED: ClassVar[dict[tuple[str, str], Callable[..., object] | str]] = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _describe,
        ("torch", "FloatStorage"): "FloatStorage",
        ("torch", "LongStorage"): "LongStorage",
    }

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for an allowed name."""
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"it asks for '{module}.{name}'")
        return self._ALLOWED[module, name]

    def persistent_load(self, pid: Any) -> tuple[str, str]:
        """Return type and key of a storage, whose values follow later in the file."""
        return pid[1], pid[2]
