"""Open the pack of a data set, or refuse it in one line; verify all packs."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from avseg.audio.frontend import LogMel
from avseg.audio.log_mel import Hop
from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.avsbench.layout import Layout
from avseg.data.pack.arrays import MappedArray
from avseg.data.pack.embeddings import Embedder
from avseg.data.pack.index import PackIdentity, PackIndex, read_index
from avseg.data.pack.integrity import array_file, check_files
from avseg.data.pack.rows import clip_rows
from avseg.data.pack.sources import first_difference, source_stamps
from avseg.utils.errors import UserError

PACKED = "packed"


@dataclass(frozen=True)
class Pack:
    """An opened pack."""

    folder: Path
    index: PackIndex
    # memory maps by name: frames, masks, patches; embeddings, silence and noise-SEED if they were packed
    arrays: dict[str, MappedArray]


def pack_folder(layout: Layout, split: str, image_size: int) -> Path:
    """Return the folder for the pack of a split and size: `packed/<split>-<size>` next to the data."""
    return layout.root / PACKED / f"{split}-{image_size}"


def open_pack(dataset: AVSBenchDataset) -> Pack:
    """Open the pack that holds exactly what a data set reads; raises like `examine`, with the command to pack again."""
    hop = log_mel_hop(dataset)
    try:
        return examine(dataset)
    except UserError as error:
        layout = dataset.layout
        command = f"avseg data pack {layout.root} --setting {layout.setting} --size {dataset.rule.image_size}"
        if hop != LogMel().hop:
            command += f" --hop {hop}"
        raise UserError(f"{error}; run `{command}`, or set data.packed=false to read the files") from error


def log_mel_hop(dataset: AVSBenchDataset) -> Hop:
    """Return the hop of the log-mel patches; raises `UserError` for other front ends, which a pack cannot hold."""
    if not isinstance(dataset.frontend, LogMel):
        raise UserError(
            f"{dataset.layout.root}: a pack holds log-mel patches, but the model reads {dataset.frontend.name}; "
            "set data.packed=false to read the files"
        )
    return dataset.frontend.hop


def examine(dataset: AVSBenchDataset, *, fully: bool = False) -> Pack:
    """Open the pack of a data set after every check; read every byte if `fully`, even of files verified before.

    Raises:
        UserError: it does not exist, is damaged, has another format, was built with other options or from files that
            have changed since, or by a program that reads them differently.
    """
    folder = pack_folder(dataset.layout, dataset.split, dataset.rule.image_size)
    if not folder.is_dir():
        raise UserError(f"{folder} does not exist")
    # from cheap to expensive: options, array files, source files, one decoded clip
    index = read_index(folder)
    _check_identity(folder, index, dataset)
    check_files(folder, index.arrays, fully=fully)
    arrays = {name: MappedArray(array_file(folder, name), array) for name, array in index.arrays.items()}
    sources = arrays.pop("sources")
    if difference := first_difference(dataset, sources.rows(0, len(sources)), source_stamps(dataset)):
        raise UserError(f"{folder} is stale: {difference} since it was packed")
    _check_first_clip(folder, arrays, dataset)
    return Pack(folder, index, arrays)


def identity_of(dataset: AVSBenchDataset) -> PackIdentity:
    """Return everything besides the files that determines the numbers of the clips."""
    return PackIdentity(
        setting=dataset.setting.name,
        split=dataset.split,
        image_size=dataset.rule.image_size,
        hop=log_mel_hop(dataset),
        stray=getattr(dataset.rule, "stray", ""),  # only AVSS has coloured masks
        clip_length=dataset.setting.clip_length,
        clips=[[entry.name, entry.category, entry.subset, entry.start] for entry in dataset.entries],
    )


def reason_to_pack(dataset: AVSBenchDataset, embedder: Embedder | None = None) -> str | None:
    """Return why a split must be packed: "" if it never was; None if a valid pack with all requested content exists."""
    folder = pack_folder(dataset.layout, dataset.split, dataset.rule.image_size)
    if not folder.is_dir():
        return ""
    try:
        index = examine(dataset).index
    except UserError as error:
        return str(error)
    if embedder and index.vggish != embedder.weights:
        return f"{folder} has no embeddings of these weights"
    # training clips have no controls
    if embedder and dataset.split != "train" and not set(embedder.seeds) <= set(index.seeds):
        return f"{folder} lacks the embedded noise of some of these seeds"
    return None


def verify_packs(layout: Layout) -> Iterator[tuple[Path, str | None]]:
    """Read every byte of every pack of a data set; yield its folder and its first problem in one line, or None."""
    for folder in sorted((layout.root / PACKED).glob("[!.]*")):
        try:
            index = read_index(folder)
            # the data set that this pack claims to hold
            dataset = AVSBenchDataset(
                layout.root,
                layout.setting.name,
                index.split,
                index.image_size,
                index.audio,
                LogMel(index.hop),
                index.stray or "background",
            )
            examine(dataset, fully=True)
        except UserError as error:
            yield folder, str(error)
        else:
            yield folder, None


def _check_identity(folder: Path, index: PackIndex, dataset: AVSBenchDataset) -> None:
    requested = identity_of(dataset)
    for option in fields(PackIdentity):
        packed = getattr(index, option.name)
        value = getattr(requested, option.name)
        if packed == value:
            continue
        if option.name == "clips":
            raise UserError(f"{folder} is stale: {dataset.layout.index_file} lists other clips than were packed")
        raise UserError(f"{folder} was packed with {option.name} {packed}, but {value} is requested")
    for entry in dataset.entries if index.audio != dataset.audio else ():
        # "auto" and "wav" may select the same files
        if dataset.reads_log_mel(entry, index.audio) != dataset.reads_log_mel(entry):
            raise UserError(f"{folder} was packed with audio {index.audio}, but {dataset.audio} reads other files")


def _check_first_clip(folder: Path, arrays: dict[str, MappedArray], dataset: AVSBenchDataset) -> None:
    """Compare one clip, because this program or a decoding library may differ from the one that packed."""
    for name, rows in clip_rows(dataset, 0, dataset[0]).items():
        packed = arrays[name].rows(0, len(rows))
        # processors round the sums of a spectrum differently
        is_same = np.allclose(packed, rows, rtol=0, atol=1e-4) if name == "patches" else np.array_equal(packed, rows)
        if not is_same:
            clip = dataset.entries[0].name
            raise UserError(f"{folder} is stale: this installation reads other {name} from the files of clip '{clip}'")
