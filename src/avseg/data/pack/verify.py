"""Examine existing packs: whether one must be built, and whether all are valid."""

from collections.abc import Iterator
from pathlib import Path

from avseg.audio.frontend import LogMel
from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.avsbench.layout import Layout
from avseg.data.pack.embeddings import Embedder
from avseg.data.pack.index import read_index
from avseg.data.pack.open import PACKED, examine, pack_folder
from avseg.utils.errors import UserError


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
    """Read every byte of every pack of a data set.

    Args:
        layout: of the data set.

    Yields:
        The folder of each pack, and the first problem in one line; None if it is valid.
    """
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
