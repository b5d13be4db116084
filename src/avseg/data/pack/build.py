"""Packs a split: every clip is read once, by several processes, and its numbers are laid behind one another."""

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.loader import GuardedLoader
from avseg.data.pack.arrays import Array, ArrayWriter
from avseg.data.pack.embeddings import EMBEDDING, EmbeddedSounds, Embedder
from avseg.data.pack.index import PackIndex, write_index
from avseg.data.pack.integrity import array_file
from avseg.data.pack.open import clips_of, pack_folder, settings_of
from avseg.data.pack.rows import labelled, row_shapes, rows_of
from avseg.data.pack.sources import first_difference, states
from avseg.utils.errors import UserError


def build_pack(
    dataset: AVSBenchDataset,
    fingerprint: str,
    workers: int = 0,
    embedder: Embedder | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Path:
    """Packs a split beside its data; an older pack is replaced when the new one is complete, never before.

    Args:
        dataset: the clips.
        fingerprint: of the whole data set, `AVSBenchDataModule.fingerprint`.
        workers: reading processes; 0 = this one reads.
        embedder: embeds the sounds too.
        advance: called after each clip.

    Returns:
        The folder of the pack.

    Raises:
        UserError: a damaged file, a file that changed while it was read, another process that packs here now.
    """
    folder = pack_folder(dataset.layout, dataset.split, dataset.rule.image_size)
    with _alone(folder.parent), _replaced(folder) as temporary:
        before = states(dataset)
        embedded = EmbeddedSounds(dataset, embedder) if embedder else None
        arrays = _write_arrays(temporary, dataset, workers, embedded, advance)
        if difference := first_difference(dataset, before, states(dataset)):
            raise UserError(f"{difference[0]} {difference[1]} while it was packed; pack again when the data lie still")
        with ArrayWriter(array_file(temporary, "sources"), "<i8", (2,)) as writer:
            writer.append(before)
        settings: dict[str, Any] = settings_of(dataset)
        index = PackIndex(
            **settings,
            audio=dataset.audio,
            clips=clips_of(dataset),
            seconds=[dataset.seconds(place) for place in range(len(dataset))],
            labelled=[labelled(dataset, place) for place in range(len(dataset))],
            fingerprint=fingerprint,
            vggish=embedder.weights if embedder else None,
            seeds=embedded.seeds if embedded else [],
            arrays={**arrays, "sources": writer.array()},
        )
        write_index(temporary, index)
    return folder


def _write_arrays(
    folder: Path,
    dataset: AVSBenchDataset,
    workers: int,
    embedded: EmbeddedSounds | None,
    advance: Callable[[], None],
) -> dict[str, Array]:
    rows = row_shapes(dataset) | dict.fromkeys(
        embedded.names if embedded else (), ("<f4", (dataset.setting.clip_length, EMBEDDING))
    )
    with ExitStack() as stack:
        files = {n: stack.enter_context(ArrayWriter(array_file(folder, n), *row)) for n, row in rows.items()}
        # a batch of a reading process is one clip; they come in order
        for index, clip in enumerate(GuardedLoader(dataset, batch_size=1, num_workers=workers)):
            for name, values in rows_of(dataset, index, clip).items():
                files[name].append(values)
            for name, tensor in embedded.rows(index, clip.sound[0]).items() if embedded else ():
                files[name].append(tensor.numpy())
            advance()
        return {name: file.array() for name, file in files.items()}


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Holds the folder of all packs; what a killed process has left there is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise UserError(f"{folder}: another process is packing there now; wait for it or end it") from error
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK):  # a file system without locks
            raise
    try:
        for left in (*folder.glob(".*.part"), *folder.glob(".*.old")):
            shutil.rmtree(left)
        yield
    finally:
        os.close(descriptor)
        with contextlib.suppress(OSError):  # not empty
            folder.rmdir()


@contextmanager
def _replaced(folder: Path) -> Iterator[Path]:
    """Gives a folder beside `folder` that takes its name, and its place, on success."""
    temporary, old = folder.with_name(f".{folder.name}.part"), folder.with_name(f".{folder.name}.old")
    temporary.mkdir()
    try:
        yield temporary
        if folder.exists():
            folder.rename(old)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
