"""AVSegFormer (AAAI 2024). Importing the package imports no torch, its networks do."""

from typing import TYPE_CHECKING

from avseg.utils.lazy import lazy_names

if TYPE_CHECKING:
    from avseg.models.avsegformer.network import AVSegFormer, AVSegFormerOutput

__all__ = ["AVSegFormer", "AVSegFormerOutput"]
__getattr__ = lazy_names(__name__, {"network": ("AVSegFormer", "AVSegFormerOutput")})
