"""Propagation of masks through a video (XMem, ECCV 2022, section 3.1): segment each frame, memorise some."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from avseg.nn.normalise import normalise
from avseg.nn.xmem.annotation import Annotation, read_annotation
from avseg.nn.xmem.canvas import Canvas
from avseg.nn.xmem.elements import frame_elements, rows_of_cells
from avseg.nn.xmem.memory import MemoryBank, MemorySettings
from avseg.nn.xmem.nearest import Nearest, nearest_elements
from avseg.nn.xmem.network import FrameFeatures, XMem, soft_aggregation
from avseg.nn.xmem.state import Group, VideoState, pack, unpack
from avseg.utils.errors import UserError
from avseg.utils.files import atomic_file


class Propagator:
    """Segment any number of objects in one video, frame by frame; the memory does not grow with the length.

    Frames and memories are on the device of the network. Deterministic: the same calls return the same values. Frames
    are scaled to `short_side` pixels of the shorter side (480 in the paper), None for no scaling.
    """

    def __init__(self, network: XMem, settings: MemorySettings | None = None, short_side: int | None = None) -> None:
        self.network = network.eval()
        self.settings = settings or MemorySettings()
        self.short_side = short_side
        self.reset()

    @property
    def objects(self) -> tuple[int, ...]:
        """Ids of the known objects, in the order of the channels that `step` returns after the background."""
        return self._video.objects

    def reset(self) -> None:
        """Clear the memory; the next frame is frame 0 of a new video."""
        self._video = VideoState()
        self._nearest: list[Nearest] = []

    @torch.no_grad()
    def step(self, frame: Tensor, mask: Tensor | None = None, objects: Sequence[int] | None = None) -> Tensor:
        """Segment the next frame, or take its masks from the user.

        Args:
            frame: (3, H, W), uint8, or float normalised as by `avseg.nn.normalise`; all frames of one size.
            mask: (H, W) of object ids, 0 for background; or (n, H, W), bool or 0 to 1, one for each of `objects`.
                A frame with a mask always enters the memory.
            objects: ids of the annotated objects, known or new; None for those that occur in an (H, W) mask. An id
                without pixels is not visible. Objects that are not annotated are segmented as usual, outside of the
                annotated ones.

        Returns:
            (1 + number of known objects, H, W), probabilities of background and `self.objects`; their sum is 1.

        Raises:
            UserError: a frame of another size, or a mask that does not fit; the state is unchanged then.
        """
        canvas = self._canvas_for(frame)
        device = next(self.network.parameters()).device
        annotation = read_annotation(mask if mask is None else mask.to(device), objects, canvas.size)
        frame = frame.to(device)
        image = canvas.place_frame(normalise(frame) if frame.dtype == torch.uint8 else frame)  # (1, 3, H', W')
        self._video.canvas = canvas
        self._video.frame += 1
        self._nearest = []
        return canvas.restore(self._advance(canvas, image, annotation))

    def nearest(self, object_id: int) -> Nearest:
        """Return the memory elements nearest to the cells of the last frame, for one object.

        Raises:
            UserError: the object is unknown, or its memory was not read, since all masks came from the user.
        """
        if object_id not in self.objects:
            raise UserError(f"objects: {object_id} is unknown; known are {list(self.objects)}")
        channel = self.objects.index(object_id)
        # a group that started on the last frame has not read its memory yet
        for group, nearest in zip(self._video.groups, self._nearest, strict=False):
            if group.members.start <= channel < group.members.stop:
                return nearest._replace(evidence=nearest.evidence[channel - group.members.start])
        raise UserError(f"objects: {object_id} did not read its memory on frame {self._video.frame}; step first")

    def cell_centres(self, cell: Tensor) -> Tensor:
        """Return pixels (..., 2), x and y in the video's frames, at the centre of cells (...) as in `Nearest.cell`."""
        if self._video.canvas is None:
            raise UserError("frame: the size is unknown before the first frame; step first")
        return self._video.canvas.centres(cell)

    def state(self) -> dict[str, Tensor]:
        """Return the whole memory as plain tensors: a snapshot that later steps do not change."""
        return pack(self._video, self.settings, self.short_side)

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Continue from the `state()` of a propagator with the same settings and network.

        Anything else is a `UserError` and leaves the memory unchanged.
        """
        self._video = unpack(state, self.settings, self.short_side, self.network)
        self._nearest = []

    def save(self, path: Path) -> None:
        """Write `state()` as safetensors, atomically."""
        with atomic_file(path) as temporary:
            save_file({name: tensor.cpu().contiguous() for name, tensor in self.state().items()}, temporary)

    def load(self, path: Path) -> None:
        """Continue from a saved file; raise `UserError` if it does not fit, with the memory unchanged."""
        try:
            state = load_file(path)
        except (SafetensorError, OSError) as error:
            raise UserError(f"{path}: cannot be read as a saved memory ({error}); save it again") from error
        self.load_state(state)

    def _canvas_for(self, frame: Tensor) -> Canvas:
        if frame.ndim != 3 or len(frame) != 3:
            raise UserError(f"frame: must be (3, H, W), got {tuple(frame.shape)}")
        size = (int(frame.shape[1]), int(frame.shape[2]))
        canvas = self._video.canvas or Canvas(size, self.short_side)
        if canvas.size != size:
            raise UserError(
                f"frame: {size[0]}x{size[1]} in a video of {canvas.size[0]}x{canvas.size[1]} (height x width); "
                "scale it, or reset for a new video"
            )
        return canvas

    def _advance(self, canvas: Canvas, image: Tensor, annotation: Annotation | None) -> Tensor:
        """Compute the probabilities (1 + n, H', W') of one frame (1, 3, H', W') and update the memory."""
        video = self._video
        probabilities = image.new_ones(1, *image.shape[-2:])  # background only
        if annotation is None and not video.objects:
            return probabilities
        features = self.network.encode_key(image)
        memorise = annotation is not None or video.frame - video.last_memory_frame >= self.settings.mem_every
        if annotation is None or set(video.objects) - set(annotation.ids):
            # if the frame enters the memory, the value encoder refreshes the sensory memory instead; as officially
            # both do with deep updates of their own interval
            update = not memorise or self.settings.deep_update_every > 0
            probabilities = self._segment(canvas, features, update=update)
        if annotation is not None:
            masks = canvas.place_masks(annotation.masks)
            probabilities = self._annotate(probabilities[1:], masks, annotation.ids)
        if memorise:
            self._memorise(canvas, image, features, probabilities)
        return probabilities

    def _segment(self, canvas: Canvas, features: FrameFeatures, *, update: bool) -> Tensor:
        """Read the memory of every group and decode all objects, (1 + n, H', W')."""
        query = rows_of_cells(features.key).float()  # (h * w, CK)
        selection = rows_of_cells(features.selection).float()
        readouts: list[Tensor] = []
        for members, bank in self._video.groups:
            affinity = bank.look_up(query, selection)
            value = affinity.read(bank.elements.value)  # (h * w, members * CV)
            value = value.view(*canvas.grid, members.stop - members.start, -1)
            readouts.append(value.permute(2, 3, 0, 1))  # (members, CV, h, w)
            self._nearest.append(nearest_elements(affinity, bank.elements, canvas.grid))
        logits, self._video.hidden = self.network.decode(
            features, torch.cat(readouts), self._hidden(canvas), update=update
        )
        return soft_aggregation(logits.float().sigmoid())

    def _annotate(self, predicted: Tensor, masks: Tensor, ids: tuple[int, ...]) -> Tensor:
        """Combine the user's masks with predictions (n, H', W') of the other objects; new objects become known."""
        self._video.objects += tuple(object_id for object_id in ids if object_id not in self.objects)
        combined = masks.new_zeros(len(self.objects), *masks.shape[1:])  # (all objects, H', W')
        # annotated pixels belong to no other object
        combined[: len(predicted)] = predicted * (masks.sum(0) <= 0.5)
        combined[list(map(self.objects.index, ids))] = masks
        return soft_aggregation(combined)

    def _memorise(self, canvas: Canvas, image: Tensor, features: FrameFeatures, probabilities: Tensor) -> None:
        """Add the frame to the working memory of every group; new objects start a group."""
        video = self._video
        hidden = self._hidden(canvas)
        value, refreshed = self.network.encode_value(image, features, probabilities[1:], hidden)
        last = video.last_deep_update
        if last is None or video.frame - last >= self.settings.deep_update_every:
            hidden, video.last_deep_update = refreshed, video.frame
        video.hidden = hidden
        ids = torch.tensor(video.objects, device=value.device)
        for members, bank in video.groups:
            bank.add(frame_elements(video.frame, features, value, probabilities, members, ids))
        grouped = video.groups[-1].members.stop if video.groups else 0
        if grouped < len(ids):
            members = slice(grouped, len(ids))
            elements = frame_elements(video.frame, features, value, probabilities, members, ids)
            video.groups.append(Group(members, MemoryBank(self.settings, elements, len(elements))))
        video.last_memory_frame = video.frame

    def _hidden(self, canvas: Canvas) -> Tensor:
        """Return the sensory memory (n, CH, h, w), zero for new objects."""
        shape = (self.network.hidden_channels, *canvas.grid)
        hidden = self._video.hidden
        if hidden is None:
            hidden = next(self.network.parameters()).new_zeros(0, *shape)
        # new objects are last
        return torch.cat([hidden, hidden.new_zeros(len(self.objects) - len(hidden), *shape)])
