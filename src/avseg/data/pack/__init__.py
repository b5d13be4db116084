"""Data packed for speed: one folder per split with memory-mapped arrays, whose clips equal those of the files."""

from avseg.data.pack.build import build_pack
from avseg.data.pack.dataset import EmbeddedControls, PackedDataset
from avseg.data.pack.embeddings import Embedder, weights_fingerprint
from avseg.data.pack.open import PACKED, Pack, open_pack, pack_folder
from avseg.data.pack.verify import reason_to_pack, verify_packs

__all__ = [
    "PACKED",
    "EmbeddedControls",
    "Embedder",
    "Pack",
    "PackedDataset",
    "build_pack",
    "open_pack",
    "pack_folder",
    "reason_to_pack",
    "verify_packs",
    "weights_fingerprint",
]
