"""The device that predictions run on."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from avseg.utils.errors import UserError


def find_device(name: str) -> torch.device:
    """Return the device with this name, or the best one for "auto"; raises `UserError` if it cannot be used here."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:  # its message lists two dozen types
        raise UserError(f"--device {name}: no such device; use auto, cpu, cuda, cuda:1 or mps") from None
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"--device {name}: cannot be used here ({reason}); use auto or cpu") from None
    return device


@contextmanager
def inference(device: torch.device) -> Iterator[None]:
    """Run without gradients; too little memory of the device is a `UserError`."""
    try:
        with torch.inference_mode():
            yield
    except torch.OutOfMemoryError:
        raise UserError(f"{device} has too little memory; use a smaller --batch or --device cpu") from None
