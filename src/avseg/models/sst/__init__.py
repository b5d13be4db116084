"""A reconstruction of SST (CVPR 2021) around its released attention."""

from avseg.models.sst.network import SSTReconstruction

__all__ = ["SSTReconstruction"]
