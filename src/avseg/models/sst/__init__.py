"""A reconstruction of SST (CVPR 2021) around its released attention; its network is imported on first use."""

from typing import TYPE_CHECKING

from avseg.utils.lazy import lazy_names

if TYPE_CHECKING:
    from avseg.models.sst.network import SSTReconstruction

__all__ = ["SSTReconstruction"]
__getattr__ = lazy_names(__name__, {"network": ("SSTReconstruction",)})
