"""Show frames as players do: turned and mirrored by the display matrix, cropped, tone-mapped, without transparency."""

import struct
from dataclasses import dataclass, replace

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from avseg.media.side_data import read_side_data
from avseg.media.tone_mapping import is_hdr, tone_map

Crop = tuple[int, int, int, int]  # pixels to remove: left, top, right, bottom
NO_CROP: Crop = (0, 0, 0, 0)
_QUARTERS = ((1, 0, 0, 1), (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0))  # (a, b, c, d) of 0 to 3 turns


@dataclass(frozen=True)
class View:
    """The way a stored frame is shown: cropped, then mirrored, then turned."""

    rotation: int = 0  # counter-clockwise in degrees: 0, 90, 180 or 270
    mirrored: bool = False  # left and right are exchanged before the rotation
    crop: Crop = NO_CROP

    @property
    def is_sideways(self) -> bool:
        """True if height and width are exchanged."""
        return self.rotation % 180 != 0

    def shown_size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width as shown of a stored frame."""
        left, top, right, bottom = self.crop
        size = (height - top - bottom, width - left - right)
        return size[::-1] if self.is_sideways else size

    def stored_size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of the stored frame that is shown in this size."""
        left, top, right, bottom = self.crop
        if self.is_sideways:
            height, width = width, height
        return height + top + bottom, width + left + right


def view_of(image: VideoFrame, crop: Crop = NO_CROP) -> View:
    """Read the display matrix of a decoded frame, which container (tkhd) or stream (SEI) store; odd angles are rounded.

    The matrix maps a stored pixel (x, y) to (a x + c y, b x + d y), in fixed point, y downwards.
    """
    matrix = read_side_data(image, Type.DISPLAYMATRIX)
    if len(matrix) < 36:
        return View(crop=crop)
    a, b, _, c, d = struct.unpack_from("=5i", matrix)
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b  # what remains is a rotation
    # the nearest quarter turn
    fits = [a * qa + b * qb + c * qc + d * qd for qa, qb, qc, qd in _QUARTERS]
    return View(90 * int(np.argmax(fits)), mirrored, crop)


class Turning:
    """Gives each decoded frame of a stream its view, in order, for `UprightRGB`.

    A display matrix in SEI comes with keyframes only, and holds until the next one; in a joined recording it changes.
    """

    def __init__(self) -> None:
        self.view = View()

    def mark(self, image: VideoFrame) -> VideoFrame:
        """Attach the view to the next frame, and return the frame."""
        view = view_of(image)
        if image.key_frame or view != View():
            self.view = view
        image.opaque = replace(self.view)  # of its own: an object of two frames is lost with the first of them
        return image


class UprightRGB:
    """Convert decoded frames to RGB arrays as shown, of one size.

    Each frame is turned as it requests itself; one of another size is scaled. Pixels with transparency are shown on
    black.
    """

    def __init__(self, view: View | int, height: int, width: int) -> None:
        """Prepare for frames with a view, or a rotation in degrees counter-clockwise; the size is that shown."""
        self.view = View(view) if isinstance(view, int) else view
        self.height, self.width = height, width
        self.reformatter = VideoReformatter()  # shared by all frames: its setup costs more than its use
        self.cropped = VideoReformatter()

    def __call__(self, image: VideoFrame) -> np.ndarray:
        """Return the frame as (H, W, 3) uint8, bilinear where the size differs."""
        view = image.opaque if isinstance(image.opaque, View) else self.view
        # (height, width) before it is turned
        size = (self.width, self.height) if view.is_sideways else (self.height, self.width)
        pixels = self._crop(image, *size)
        if view.mirrored:
            pixels = pixels[:, ::-1]
        return np.ascontiguousarray(np.rot90(pixels, view.rotation // 90))

    def _crop(self, image: VideoFrame, height: int, width: int) -> np.ndarray:
        """Return the cropped frame as (height, width, 3) uint8."""
        left, top, right, bottom = self.view.crop
        inside = left + right < image.width and top + bottom < image.height
        if self.view.crop == NO_CROP or not inside:  # after a change of size there may be less
            return self._pixels(image, height, width)
        uncropped = self._pixels(image, image.height, image.width)
        pixels = uncropped[top : image.height - bottom, left : image.width - right]
        if pixels.shape[:2] == (height, width):
            return pixels
        cropped = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        return self.cropped.reformat(cropped, width, height, threads=1).to_ndarray()

    def _pixels(self, image: VideoFrame, height: int, width: int) -> np.ndarray:
        """Return the stored frame as (height, width, 3) uint8."""
        if is_hdr(image):
            return tone_map(image, height, width, self.reformatter)
        if not any(component.is_alpha for component in image.format.components):
            return self.reformatter.reformat(image, width, height, format="rgb24", threads=1).to_ndarray()
        rgba = self.reformatter.reformat(image, width, height, format="rgba", threads=1).to_ndarray()
        # (H, W, 3), rounded
        opaque: np.ndarray = (rgba[..., :3].astype(np.uint16) * rgba[..., 3:] + 127) // 255
        return opaque.astype(np.uint8)
