"""Opens a pack for a data set, or says in one line why it must not be used."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avseg.audio.frontend import LogMel, is_released_log_mel
from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.avsbench.layout import Layout
from avseg.data.pack.arrays import MappedArray
from avseg.data.pack.index import PackIndex, read_index
from avseg.data.pack.integrity import array_file, check_files
from avseg.data.pack.rows import rows_of
from avseg.data.pack.sources import first_difference, sound_kinds, states
from avseg.utils.errors import UserError

PACKED = "packed"


@dataclass(frozen=True)
class Pack:
    """An opened pack.

    Attributes:
        folder: where it lies.
        index: what it holds.
        arrays: its maps by name: frames, masks, patches; embeddings, silence and noise-SEED where they were packed.
    """

    folder: Path
    index: PackIndex
    arrays: dict[str, MappedArray]


def pack_folder(layout: Layout, split: str, image_size: int) -> Path:
    """Where the pack of a split and size lies: `packed/<split>-<size>` beside the data."""
    return layout.root / PACKED / f"{split}-{image_size}"


def open_pack(dataset: AVSBenchDataset) -> Pack:
    """Opens the pack of a data set.

    Args:
        dataset: the clips as they are read from files.

    Returns:
        A pack that holds exactly what the data set would read.

    Raises:
        UserError: see `examine`; with what to do about it.
    """
    try:
        return examine(dataset)
    except UserError as error:
        layout, size = dataset.layout, dataset.rule.image_size
        hop = "" if is_released_log_mel(dataset.frontend) else " --hop second"
        command = f"avseg data pack {layout.root} --setting {layout.setting} --size {size}{hop}"
        raise UserError(f"{error}; run `{command}`, or set data.packed=false to read the files") from error


def examine(dataset: AVSBenchDataset, *, fully: bool = False) -> Pack:
    """Opens the pack of a data set after every check.

    Args:
        dataset: the clips as they are read from files.
        fully: reads every byte, even of files that were found sound before.

    Raises:
        UserError: it is not there, damaged, of another format, made with other settings, or from files that have
            changed since, or by a program that reads them otherwise.
    """
    folder = pack_folder(dataset.layout, dataset.split, dataset.rule.image_size)
    if not isinstance(dataset.frontend, LogMel):
        raise UserError(f"{folder}: a pack holds log-mel patches, but the model reads {dataset.frontend.name}")
    if not folder.is_dir():
        raise UserError(f"{folder} is not there")
    index = read_index(folder)
    _check_settings(folder, index, dataset)
    check_files(folder, index.arrays, fully=fully)
    arrays = {name: MappedArray(array_file(folder, name), array) for name, array in index.arrays.items()}
    _check_sources(folder, arrays.pop("sources"), dataset)
    _check_first_clip(folder, arrays, dataset)
    return Pack(folder, index, arrays)


def _check_settings(folder: Path, index: PackIndex, dataset: AVSBenchDataset) -> None:
    wanted = settings_of(dataset)
    for key, value in wanted.items():
        if getattr(index, key) != value:
            raise UserError(f"{folder} was packed with {key} {getattr(index, key)}, and {value} is asked for")
    if index.audio != dataset.audio and sound_kinds(dataset, index.audio) != sound_kinds(dataset, dataset.audio):
        raise UserError(f"{folder} was packed with audio {index.audio}, and {dataset.audio} means other files here")
    if index.clips != clips_of(dataset):
        raise UserError(f"{folder} is stale: {dataset.layout.index_file} lists other clips than were packed")


def _check_sources(folder: Path, sources: MappedArray, dataset: AVSBenchDataset) -> None:
    if difference := first_difference(dataset, sources.rows(0, len(sources)), states(dataset)):
        path, how = difference
        raise UserError(f"{folder} is stale: {path} {how} since it was packed")


def _check_first_clip(folder: Path, arrays: dict[str, MappedArray], dataset: AVSBenchDataset) -> None:
    """This program, or a library that decodes, may be another one than that which packed."""
    for name, rows in rows_of(dataset, 0, dataset[0]).items():
        packed = arrays[name].rows(0, len(rows))
        # processors round the sums of a spectrum differently
        if not (np.allclose(packed, rows, rtol=0, atol=1e-4) if name == "patches" else np.array_equal(packed, rows)):
            clip = dataset.entries[0].name
            raise UserError(f"{folder} is stale: this installation reads other {name} from the files of clip '{clip}'")


def settings_of(dataset: AVSBenchDataset) -> dict[str, object]:
    """What decides the numbers of a clip, besides its files."""
    return {
        "setting": dataset.setting.name,
        "split": dataset.split,
        "image_size": dataset.rule.image_size,
        "hop": dataset.frontend.hop if isinstance(dataset.frontend, LogMel) else None,
        "stray": getattr(dataset.rule, "stray", ""),
        "clip_length": dataset.setting.clip_length,
    }


def clips_of(dataset: AVSBenchDataset) -> list[list[object]]:
    """The clips as the index of a pack lists them."""
    return [[entry.name, entry.category, entry.subset, entry.start] for entry in dataset.entries]
