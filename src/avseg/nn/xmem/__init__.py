"""XMem: long-term video object segmentation with an Atkinson-Shiffrin memory model (ECCV 2022)."""

from avseg.nn.xmem.memory import MemorySettings
from avseg.nn.xmem.nearest import Nearest
from avseg.nn.xmem.network import XMem, tiny_xmem
from avseg.nn.xmem.propagator import Propagator

__all__ = ["MemorySettings", "Nearest", "Propagator", "XMem", "tiny_xmem"]
