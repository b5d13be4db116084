"""Packed data sets: one folder of memory-mapped arrays per split, with the same clips as the files."""

from avseg.data.pack.build import build_pack
from avseg.data.pack.dataset import EmbeddedControls, PackedDataset
from avseg.data.pack.embeddings import Embedder, weights_fingerprint
from avseg.data.pack.open import PACKED, Pack, open_pack, pack_folder, reason_to_pack, verify_packs

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
