"""MSSL, Multiple Sound Sources Localization from Coarse to Fine (ECCV 2020); its network is imported on first use."""

from typing import TYPE_CHECKING

from avseg.utils.lazy import lazy_names

if TYPE_CHECKING:
    from avseg.models.mssl.network import MSSL, MSSLOutput

__all__ = ["MSSL", "MSSLOutput"]
__getattr__ = lazy_names(__name__, {"network": ("MSSL", "MSSLOutput")})
