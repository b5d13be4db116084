"""Convert frames of high dynamic range (HDR) to the range of ordinary screens, as players do.

HDR video is stored by the curves of ITU-R BT.2100, PQ or HLG, in the wide gamut of BT.2020. Shown without conversion it
is grey and dark; models were trained on ordinary video.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

PQ, HLG = HDR = 16, 18  # values of AVColorTransferCharacteristic
_WHITE = 203.0  # cd/m2 of diffuse white, ITU-R BT.2408
_PEAK = 1000.0  # cd/m2, which becomes the white of the screen: that of nearly all HDR video
_KNEE = 0.3  # of white; darker colours keep their brightness
_CODES = 1 << 12  # steps of a stored value, more than its 10 bits
_ROWS = 16  # that are converted at once, so that their light fits into the processor's cache
_SHADES = 1 << 14  # steps of linear light from 0 to 1
# linear BT.2020 to linear BT.709, ITU-R BT.2087
_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], dtype=np.float32
)
_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], dtype=np.float32)  # of BT.2020


def is_hdr(image: VideoFrame) -> bool:
    """True if a decoded frame is stored by an HDR curve."""
    return image.color_trc in HDR


def tone_map(image: VideoFrame, height: int, width: int, reformatter: VideoReformatter) -> npt.NDArray[np.uint8]:
    """Return an HDR frame as (height, width, 3) uint8 sRGB, bilinear where the size differs."""
    deep = reformatter.reformat(image, width, height, format="rgb48le", threads=1)
    codes: npt.NDArray[np.uint16] = deep.to_ndarray().astype(np.uint16, copy=False)  # (H, W, 3)
    pixels = np.empty(codes.shape, np.uint8)
    for top in range(0, height, _ROWS):
        rows = np.ascontiguousarray(np.moveaxis(codes[top : top + _ROWS] >> 4, -1, 0))  # (3, rows, W)
        shades = _tone_map_planes(rows.reshape(3, -1), int(image.color_trc)).reshape(rows.shape)
        pixels[top : top + _ROWS] = np.moveaxis(shades, 0, -1)
    return pixels


def _tone_map_planes(codes: npt.NDArray[np.uint16], curve: int) -> npt.NDArray[np.uint8]:
    """Convert stored values (3, n) of 12 bits to sRGB (3, n)."""
    light = _light(curve)[codes]  # (3, n) relative to diffuse white
    if curve == HLG:  # the curve of the screen, which depends on the luminance
        light *= (_PEAK / _WHITE) * np.maximum(_LUMINANCE @ light, 1e-6) ** np.float32(0.2)
    light = np.maximum(_TO_BT709 @ light, 0)
    # the same factor for all three, so that the hue stays
    brightest = np.maximum(light.max(0), 1e-6)
    light *= _roll_off(brightest) / brightest
    shades = (np.minimum(light, 1) * (_SHADES - 1)).astype(np.int32)
    pixels: npt.NDArray[np.uint8] = _encoded()[shades]
    return pixels


def _roll_off(light: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Compress highlights so that the peak becomes 1: the Moebius curve, linear below its knee, smooth at it."""
    peak = _PEAK / _WHITE
    a = -(_KNEE**2) * (peak - 1) / (_KNEE**2 - 2 * _KNEE + peak)
    b = (_KNEE**2 - 2 * _KNEE * peak + peak) / (peak - 1)
    compressed = (b**2 + 2 * b * _KNEE + _KNEE**2) / (b - a) * (light + a) / (light + b)
    curve: npt.NDArray[np.float32] = np.where(light > _KNEE, compressed, light).astype(np.float32)
    return curve


@lru_cache(maxsize=2)
def _light(curve: int) -> npt.NDArray[np.float32]:
    """Return the linear light of each stored value, (4096,): of PQ relative to white, of HLG that of the scene."""
    code = np.linspace(0, 1, _CODES)
    if curve == PQ:
        root = code ** (32 / 2523)
        light = (
            10_000 / _WHITE * (np.maximum(root - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * root)) ** (16384 / 2610)
        )
    else:
        a = 0.17883277
        bright = (np.exp((code - (0.5 - a * np.log(4 * a))) / a) + (1 - 4 * a)) / 12
        light = np.where(code <= 0.5, code**2 / 3, bright)
    return light.astype(np.float32)


@lru_cache(maxsize=1)
def _encoded() -> npt.NDArray[np.uint8]:
    """Return the sRGB value of each shade of linear light, (16384,)."""
    light = np.linspace(0, 1, _SHADES)
    value = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(255 * value).astype(np.uint8)
