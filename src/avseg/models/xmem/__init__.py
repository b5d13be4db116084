"""XMem: long-term video object segmentation with an Atkinson-Shiffrin memory model (ECCV 2022)."""

from avseg.models.xmem.memory import MemorySettings
from avseg.models.xmem.nearest import Nearest
from avseg.models.xmem.network import XMem, tiny_xmem
from avseg.models.xmem.propagator import Propagator

__all__ = ["MemorySettings", "Nearest", "Propagator", "XMem", "tiny_xmem"]
