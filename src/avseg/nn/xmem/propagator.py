"""Carrying masks through a video (XMem, ECCV 2022, section 3.1): segment each frame, remember some."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from avseg.nn.normalise import normalise
from avseg.nn.xmem.annotation import Annotation, read_annotation
from avseg.nn.xmem.canvas import Canvas
from avseg.nn.xmem.elements import cells, frame_elements
from avseg.nn.xmem.memory import MemoryBank, MemorySettings
from avseg.nn.xmem.nearest import Nearest, nearest_elements
from avseg.nn.xmem.network import FrameFeatures, XMem, soft_aggregation
from avseg.nn.xmem.state import Group, VideoState, pack, read, unpack, write
from avseg.utils.errors import UserError


class Propagator:
    """Follows any number of objects through one video, frame by frame; its memory does not grow with the length.

    Frames and memories are on the device of the network. Nothing is random: the same calls give the same values.

    Args:
        network: is put into eval mode.
        settings: how much is remembered; None for the paper's.
        short_side: pixels of the shorter side that frames are scaled to (480 in the paper); None for no scaling.
    """

    def __init__(self, network: XMem, settings: MemorySettings | None = None, short_side: int | None = None) -> None:
        self.network = network.eval()
        self.settings = settings or MemorySettings()
        self.short_side = short_side
        self.reset()

    @property
    def objects(self) -> tuple[int, ...]:
        """Ids of the known objects, in the order of the channels of what `step` returns (after the background)."""
        return self._video.objects

    def reset(self) -> None:
        """Forgets everything; the next frame is frame 0 of a new video."""
        self._video = VideoState()
        self._nearest: list[Nearest] = []

    @torch.no_grad()
    def step(self, frame: Tensor, mask: Tensor | None = None, objects: Sequence[int] | None = None) -> Tensor:
        """Segments the next frame, or takes what is said about it.

        Args:
            frame: (3, H, W), uint8, or float normalised as by `avseg.nn.normalise`; all frames of one size.
            mask: (H, W) of object ids, 0 for background; or (n, H, W), bool or 0 to 1, one for each of `objects`.
                A frame with a mask is always remembered.
            objects: the ids that the mask speaks of, known or new; None for those that occur in an (H, W) mask. An id
                without pixels is not visible. Objects that the mask does not speak of are segmented as usual, outside
                of the given ones.

        Returns:
            (1 + number of known objects, H, W), probabilities of background and `self.objects`; their sum is 1.

        Raises:
            UserError: a frame of another size, or a mask that does not fit; nothing is changed then.
        """
        canvas = self._canvas_for(frame)
        device = next(self.network.parameters()).device
        given = read_annotation(mask if mask is None else mask.to(device), objects, canvas.size)
        frame = frame.to(device)
        picture = canvas.place_frame(normalise(frame) if frame.dtype == torch.uint8 else frame)
        self._video.canvas, self._video.frame, self._nearest = canvas, self._video.frame + 1, []
        return canvas.take(self._advance(canvas, picture, given))

    def nearest(self, object_id: int) -> Nearest:
        """The memory elements that the cells of the last frame were nearest to, for one object.

        Raises:
            UserError: the object is unknown, or the last frame did not read its memory, since all masks were given.
        """
        if object_id not in self.objects:
            raise UserError(f"objects: {object_id} is not followed; known are {list(self.objects)}")
        place = self.objects.index(object_id)
        # a group that the last frame began has read nothing yet
        for group, found in zip(self._video.groups, self._nearest, strict=False):
            if group.members.start <= place < group.members.stop:
                return found._replace(evidence=found.evidence[place - group.members.start])
        raise UserError(f"objects: {object_id} read nothing from memory on frame {self._video.frame}; step on first")

    def cell_centres(self, cell: Tensor) -> Tensor:
        """Pixels (..., 2), x and y in the video's frames, at the centre of cells (...) as in `Nearest.cell`.

        Raises:
            UserError: there was no frame yet.
        """
        if self._video.canvas is None:
            raise UserError("frame: there was none since the reset, so cells have no place; step first")
        return self._video.canvas.centres(cell)

    def state(self) -> dict[str, Tensor]:
        """Everything remembered, as plain tensors: a snapshot that later steps do not change."""
        return pack(self._video, self.settings, self.short_side)

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Continues from the `state()` of a propagator with the same settings and network.

        Raises:
            UserError: it is no such state; nothing is changed then.
        """
        self._video = unpack(state, self.settings, self.short_side, self.network)
        self._nearest = []

    def save(self, path: Path) -> None:
        """Writes `state()` as safetensors, in one step."""
        write(self.state(), path)

    def load(self, path: Path) -> None:
        """Continues from a saved file.

        Raises:
            UserError: no such file, or it does not fit; nothing is changed then.
        """
        self.load_state(read(path))

    def _canvas_for(self, frame: Tensor) -> Canvas:
        if frame.ndim != 3 or len(frame) != 3:
            raise UserError(f"frame: shape {tuple(frame.shape)} will not do; give (3, H, W)")
        size = (int(frame.shape[1]), int(frame.shape[2]))
        known = self._video.canvas or Canvas(size, self.short_side)
        if known.size != size:
            raise UserError(
                f"frame: {size[0]}x{size[1]} in a video of {known.size[0]}x{known.size[1]} (height x width); "
                "scale it, or reset for a new video"
            )
        return known

    def _advance(self, canvas: Canvas, picture: Tensor, given: Annotation | None) -> Tensor:
        """Probabilities (1 + n, H', W') of one frame (1, 3, H', W')."""
        video = self._video
        probabilities = picture.new_ones(1, *picture.shape[-2:])
        if given is None and not video.objects:
            return probabilities
        features = self.network.encode_key(picture)
        remember = given is not None or video.frame - video.last_memory_frame >= self.settings.mem_every
        if given is None or set(video.objects) - set(given.ids):
            # where the frame is remembered the value encoder refreshes the sensory memory instead
            probabilities = self._segment(canvas, features, update=not remember)
        if given is not None:
            probabilities = self._annotate(probabilities[1:], canvas.place_masks(given.masks), given.ids)
        if remember:
            self._remember(canvas, picture, features, probabilities)
        return probabilities

    def _segment(self, canvas: Canvas, features: FrameFeatures, *, update: bool) -> Tensor:
        query, selection = cells(features.key).float(), cells(features.selection).float()
        readouts = []
        for members, bank in self._video.groups:
            affinity = bank.look_up(query, selection)
            value = affinity.read(bank.elements.value).view(*canvas.grid, members.stop - members.start, -1)
            readouts.append(value.permute(2, 3, 0, 1))
            self._nearest.append(nearest_elements(affinity, bank.elements, canvas.grid))
        logits, self._video.hidden = self.network.decode(
            features, torch.cat(readouts), self._hidden(canvas), update=update
        )
        return soft_aggregation(logits.float().sigmoid())

    def _annotate(self, predicted: Tensor, masks: Tensor, ids: tuple[int, ...]) -> Tensor:
        """Joins given masks with what was predicted (n, H', W') for the other objects; new objects become known."""
        self._video.objects += tuple(name for name in ids if name not in self.objects)
        joined = masks.new_zeros(len(self.objects), *masks.shape[1:])
        joined[: len(predicted)] = predicted * (masks.sum(0) <= 0.5)
        joined[[self.objects.index(name) for name in ids]] = masks
        return soft_aggregation(joined)

    def _remember(self, canvas: Canvas, picture: Tensor, features: FrameFeatures, probabilities: Tensor) -> None:
        """Adds the frame to the working memory of every group; new objects begin a group."""
        video = self._video
        value, video.hidden = self.network.encode_value(picture, features, probabilities[1:], self._hidden(canvas))
        ids = torch.tensor(video.objects, device=value.device)
        for members, bank in video.groups:
            bank.add(frame_elements(video.frame, features, value, probabilities, members, ids))
        known = video.groups[-1].members.stop if video.groups else 0
        if known < len(ids):
            new = slice(known, len(ids))
            first = frame_elements(video.frame, features, value, probabilities, new, ids)
            video.groups.append(Group(new, MemoryBank(self.settings, first, len(first))))
        video.last_memory_frame = video.frame

    def _hidden(self, canvas: Canvas) -> Tensor:
        """The sensory memory (n, CH, h, w), zero for objects that have none yet."""
        shape = (self.network.hidden_channels, *canvas.grid)
        old = self._video.hidden
        if old is None:
            old = next(self.network.parameters()).new_zeros(0, *shape)
        return torch.cat([old, old.new_zeros(len(self.objects) - len(old), *shape)])
