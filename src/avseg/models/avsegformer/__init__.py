"""AVSegFormer (AAAI 2024)."""

from avseg.models.avsegformer.network import AVSegFormer, AVSegFormerOutput

__all__ = ["AVSegFormer", "AVSegFormerOutput"]
