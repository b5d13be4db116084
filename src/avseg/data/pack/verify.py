"""What there is of packs already: is one needed, and are those that are there whole?"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from avseg.audio.frontend import LogMel
from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.avsbench.layout import Layout
from avseg.data.pack.embeddings import Embedder
from avseg.data.pack.index import read_index
from avseg.data.pack.open import PACKED, examine, pack_folder
from avseg.utils.errors import UserError


def reason_to_pack(dataset: AVSBenchDataset, embedder: Embedder | None = None) -> str | None:
    """Why a split must be packed: in one line, empty when it never was; None when a pack with all of this is there."""
    folder = pack_folder(dataset.layout, dataset.split, dataset.rule.image_size)
    if not folder.is_dir():
        return ""
    try:
        index = examine(dataset).index
    except UserError as error:
        return str(error)
    if embedder and index.vggish != embedder.weights:
        return f"{folder} has no embeddings of these weights"
    if embedder and dataset.split != "train" and not set(embedder.seeds) <= set(index.seeds):
        return f"{folder} has not the embedded noise of all these seeds"
    return None


def verify_packs(layout: Layout) -> Iterator[tuple[Path, str | None]]:
    """Reads every byte of every pack of a data set.

    Args:
        layout: of the data set.

    Yields:
        The folder of each pack, and in one line what is wrong with it; None when nothing is.
    """
    for folder in sorted((layout.root / PACKED).glob("[!.]*")):
        try:
            index = read_index(folder)
            choices: dict[str, Any] = {
                "audio": index.audio,
                "frontend": LogMel(index.hop),  # type: ignore[arg-type]
                "stray": index.stray or "background",
            }
            dataset = AVSBenchDataset(layout.root, layout.setting.name, index.split, index.image_size, **choices)
            examine(dataset, fully=True)
        except UserError as error:
            yield folder, str(error)
        else:
            yield folder, None
