"""The split on which methods are compared: its clips, in the size in which masks are scored and shown."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from avseg.comparison.request import Request
from avseg.config.components import built_class
from avseg.config.compose import compose_train
from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.clip import Clip, collate_clips
from avseg.data.dataset import ClipDataset
from avseg.data.setting import ClipEntry, ClipSetting
from avseg.utils.errors import UserError


@dataclass(frozen=True)
class Split:
    """The clips of a split."""

    config: Any  # the data configuration
    dataset: ClipDataset
    name: str

    @property
    def entries(self) -> list[ClipEntry]:
        """The clips in the order of the index file."""
        return list(self.dataset.entries)

    @property
    def length(self) -> int:
        """T, the frames of a clip."""
        return self.dataset.setting.clip_length

    def labelled(self, clip: int) -> int:
        """Return the number of frames of a clip that carry a label."""
        if isinstance(self.dataset, AVSBenchDataset):
            return len(self.dataset.layout.masks(self.dataset.entries[clip]))
        return int(self.dataset[clip].annotated.sum())

    def size(self) -> tuple[int, int]:
        """Return height and width of the masks."""
        height, width = self.dataset[0].masks.shape[-2:]
        return height, width

    def batches(self, clips: int) -> Iterator[Clip]:
        """Read all clips in order, some at a time."""
        for start in range(0, len(self.dataset), clips):
            indices = range(start, min(start + clips, len(self.dataset)))
            yield collate_clips([self.dataset[index] for index in indices])


def data_config(request: Request, of_run: Any = None) -> Any:
    """Return the data configuration that the request names, or that of a run.

    Raises:
        UserError: neither names data; long videos; masks of several classes.
    """
    overrides = [word if "=" in word else f"data={word}" for word in request.data]
    if overrides:
        config = compose_train(overrides).data
    elif of_run is not None:
        config = of_run
    else:
        raise UserError(
            "no data: add --data data=avsbench_ms3 (or data=toy_ms3), as no method is a run that names its own"
        )
    if config.data_kind != "clips":
        raise UserError(
            f"data={config.name} has long videos; compare takes short clips (S4, MS3, your own): score each run with "
            "avseg evaluate, or put the runs into one table with avseg reproduce table_2"
        )
    return replace(config, root=request.root) if request.root is not None else config


def open_split(config: Any, name: str) -> Split:
    """Open the clips of a split; raises `UserError` for missing data, or masks of several classes."""
    data = built_class(config)(config, frontend=None)
    setting: ClipSetting = data.setting
    if setting.semantic:
        lengths = " or ".join(map(str, setting.clip_lengths))
        raise UserError(
            f"data={config.name} has {setting.num_classes} classes and clips of {lengths} frames; compare takes "
            "sounding or not in clips of one length (S4, MS3, your own): score each run with avseg evaluate, or put "
            "the runs into one table with avseg reproduce table_methods"
        )
    return Split(config, data.dataset(name), name)
