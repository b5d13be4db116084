"""Pack a split: read each clip once, in several processes, and append its numbers to the array files."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.loader import GuardedLoader
from avseg.data.pack.arrays import Array, ArrayWriter
from avseg.data.pack.embeddings import EMBEDDING_DIM, EmbeddedSounds, Embedder
from avseg.data.pack.index import PackIndex, write_index
from avseg.data.pack.integrity import array_file
from avseg.data.pack.open import identity_of, pack_folder
from avseg.data.pack.rows import clip_rows, count_masks, row_types
from avseg.data.pack.sources import first_difference, source_stamps
from avseg.utils.errors import UserError
from avseg.utils.files import replace_folder
from avseg.utils.locks import LockHeldError, ProcessLock


def build_pack(
    dataset: AVSBenchDataset,
    fingerprint: str,  # of the whole data set, `AVSBenchDataModule.fingerprint`
    workers: int = 0,  # number of reading processes; 0 = read in this one
    embedder: Embedder | None = None,  # embeds the sounds as well
    advance: Callable[[], None] = lambda: None,
) -> Path:
    """Pack a split next to its data, calling `advance` after each clip; return the folder of the pack.

    An existing pack is replaced once the new one is complete.

    Raises:
        UserError: a damaged file, a file that changed while it was read, or another process that packs here.
    """
    folder = pack_folder(dataset.layout, dataset.split, dataset.rule.image_size)
    with _locked(folder.parent), replace_folder(folder) as temporary:
        stamps = source_stamps(dataset)  # compared again after the last file was read
        embedded = EmbeddedSounds(dataset, embedder) if embedder else None
        arrays = _write_arrays(temporary, dataset, workers, embedded, advance)
        if difference := first_difference(dataset, stamps, source_stamps(dataset)):
            raise UserError(f"{difference} while it was packed; pack again when nothing writes to the data")
        with closing(ArrayWriter(array_file(temporary, "sources"), "<i8", (2,))) as writer:
            writer.append(stamps)
        index = PackIndex(
            **asdict(identity_of(dataset)),
            audio=dataset.audio,
            seconds=list(map(dataset.seconds, range(len(dataset)))),
            labelled=[count_masks(dataset, index) for index in range(len(dataset))],
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
    types = row_types(dataset)
    for name in embedded.names if embedded else ():
        types[name] = ("<f4", (dataset.setting.clip_length, EMBEDDING_DIM))
    with ExitStack() as stack:
        writers: dict[str, ArrayWriter] = {}
        for name, (dtype, row) in types.items():
            writers[name] = stack.enter_context(closing(ArrayWriter(array_file(folder, name), dtype, row)))
        # workers read one clip at a time, and the loader keeps their order
        for index, clip in enumerate(GuardedLoader(dataset, batch_size=1, num_workers=workers)):
            for name, values in clip_rows(dataset, index, clip).items():
                writers[name].append(values)
            for name, tensor in embedded.rows(index, clip.sound[0]).items() if embedded else ():
                writers[name].append(tensor.numpy())
            advance()
        return {name: writer.array() for name, writer in writers.items()}


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock the folder of all packs and remove the leftovers of killed processes."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = ProcessLock(folder / ".lock")  # hidden, so that it is not taken for a pack
    try:
        lock.acquire()
    except LockHeldError as error:
        raise UserError(f"{folder}: {error.holder} is packing; wait for it or end it") from error
    try:
        # under the lock, so nobody writes to them
        for leftover in (*folder.glob(".*.part"), *folder.glob(".*.old")):
            shutil.rmtree(leftover)
        yield
    finally:
        lock.release()
        with suppress(OSError):  # not empty
            folder.rmdir()
