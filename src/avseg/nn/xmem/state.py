"""The state of a propagator, and its conversion to and from plain tensors that can be saved."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, fields
from typing import NamedTuple

import torch
from torch import Tensor

from avseg.nn.xmem.canvas import Canvas
from avseg.nn.xmem.elements import Elements
from avseg.nn.xmem.memory import MemoryBank, MemorySettings
from avseg.nn.xmem.network import XMem
from avseg.utils.errors import UserError


class Group(NamedTuple):
    """Objects that entered the video on the same frame: their range among all objects, and their memory."""

    members: slice
    bank: MemoryBank


@dataclass
class VideoState:
    """All three memories of one video; frames are -1 or None before the first, `objects` in the order of the channels.

    `hidden` is the sensory memory (n, CH, h, w), `groups` the working and long-term memory.
    """

    frame: int = -1
    last_memory_frame: int = -1
    objects: tuple[int, ...] = ()
    canvas: Canvas | None = None
    hidden: Tensor | None = None
    groups: list[Group] = field(default_factory=list)
    last_deep_update: int | None = None


def pack(video: VideoState, settings: MemorySettings, short_side: int | None) -> dict[str, Tensor]:
    """Convert a state to tensors by name; later steps change none of them."""
    size = (0, 0) if video.canvas is None else video.canvas.size  # (0, 0) before the first frame
    bounds: list[tuple[int, int, int]] = []
    for group in video.groups:
        bounds.append((group.members.start, group.members.stop, group.bank.long))
    packed = {
        "settings": torch.tensor(_settings_row(settings, short_side)),
        "video": torch.tensor([video.frame, video.last_memory_frame, *size]),
        "objects": torch.tensor(video.objects, dtype=torch.int64),
        "groups": torch.tensor(bounds, dtype=torch.int64).view(-1, 3),
    }
    if video.last_deep_update is not None:
        packed["last_deep_update"] = torch.tensor(video.last_deep_update)
    if video.hidden is not None:
        packed["hidden"] = video.hidden
    for number, group in enumerate(video.groups):
        # elements are replaced, never changed, so they need no copy
        for name, tensor in group.bank.elements.tensors().items():
            packed[f"group.{number}.{name}"] = tensor
    return packed


def unpack(packed: Mapping[str, Tensor], settings: MemorySettings, short_side: int | None, network: XMem) -> VideoState:
    """Restore a state from the tensors of `pack`, on the device of the network.

    Other settings or channels than those that it was saved with, or missing tensors, are a `UserError`.
    """
    try:
        saved = packed["settings"].tolist()
        expected = _settings_row(settings, short_side)
        if saved != expected:
            raise UserError(f"memory: was saved with settings {_named(saved)}, not {_named(expected)}; use the same")
        video = _unpack(packed, settings, short_side, next(network.parameters()).device)
    except UserError:
        raise
    except (KeyError, ValueError, IndexError) as error:
        raise UserError(f"memory: not a saved memory ({error} is missing or damaged); save it again") from error
    _check_channels(video, network)
    return video


def _unpack(
    packed: Mapping[str, Tensor], settings: MemorySettings, short_side: int | None, device: torch.device
) -> VideoState:
    frame, last_memory_frame, height, width = packed["video"].tolist()
    video = VideoState(frame, last_memory_frame, tuple(packed["objects"].tolist()))
    if height:
        video.canvas = Canvas((height, width), short_side)
    if "last_deep_update" in packed:
        video.last_deep_update = int(packed["last_deep_update"])
    if "hidden" in packed:
        video.hidden = packed["hidden"].to(device)
    for number, (start, stop, long) in enumerate(packed["groups"].tolist()):
        tensors = {field.name: packed[f"group.{number}.{field.name}"].to(device) for field in fields(Elements)}
        elements = Elements(**tensors)
        assert video.canvas is not None  # groups exist only after the first frame
        cells = video.canvas.grid[0] * video.canvas.grid[1]
        video.groups.append(Group(slice(start, stop), MemoryBank(settings, elements, cells, long)))
    return video


def _check_channels(video: VideoState, network: XMem) -> None:
    expected = (network.key_channels, network.value_channels, network.hidden_channels)
    hidden = 0 if video.hidden is None else video.hidden.shape[1]
    for members, bank in video.groups:
        value = bank.elements.value.shape[1] // (members.stop - members.start)
        saved = (bank.elements.key.shape[1], value, hidden)
        if saved != expected:
            raise UserError(
                f"memory: was saved by a network with {saved} channels of key, value and sensory memory, "
                f"not {expected}; use that network"
            )


def _settings_row(settings: MemorySettings, short_side: int | None) -> list[int]:
    """Return the settings as saved: the interval of deep updates last, and only if they have one of their own."""
    *sizes, deep_update_every = astuple(settings)
    return [*sizes, short_side or 0, *([deep_update_every] if deep_update_every > 0 else [])]


def _named(values: list[int]) -> str:
    names = [setting.name for setting in fields(MemorySettings)]
    names.insert(-1, "short_side")
    return ", ".join(f"{name}={value}" for name, value in zip(names, values, strict=False))
