"""Frames of a video as png files, all in one pass through the file, with every damage noticed."""

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import av.error
import numpy as np
import torch
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from PIL import Image
from torch.nn.functional import interpolate

from avseg.media.container import open_video, packets, video_stream
from avseg.media.video import FrameClock, UprightRGB, Video
from avseg.utils.errors import UserError

_PNG_LEVEL = 3


class PictureDecoder:
    """Decodes wanted frames of a video in one pass.

    Args:
        video: what `frame_index` found.
        strict: the first damage raises, even one that the decoder would hide by guessing the missing pixels.

    Attributes:
        damaged: number of packets that could not be decoded.
        replaced: numbers of wanted frames that did not come out; the one shown before stands in for each.
    """

    def __init__(self, video: Video, *, strict: bool) -> None:
        self.video = video
        self.strict = strict
        self.damaged = 0
        self.replaced: list[int] = []

    def pictures(self, wanted: Sequence[int]) -> Iterator[tuple[int, VideoFrame]]:
        """The frames of these ascending numbers.

        Raises:
            UserError: the file is damaged and the decoder strict; or nothing at all can be decoded.
        """
        ahead = iter(wanted)
        number = next(ahead, None)
        before: VideoFrame | None = None
        for at, picture in self._all():
            while number is not None and number < at:
                yield number, self._stand_in(number, before or picture)
                number = next(ahead, None)
            if number == at:
                yield number, picture
                number = next(ahead, None)
            before = picture
        while number is not None:
            yield number, self._stand_in(number, before)
            number = next(ahead, None)

    def _all(self) -> Iterator[tuple[int, VideoFrame]]:
        clock = FrameClock(self.video)
        with open_video(self.video.path) as container:
            stream = video_stream(container, self.video.path)
            stream.codec_context.thread_count = 1  # with more FFmpeg keeps the errors to itself
            if self.strict:
                stream.codec_context.options = {"err_detect": "explode"}
            for packet in packets(container, [stream]):
                for picture in self._decode(packet):
                    frame = clock.frame(picture)
                    yield frame.number, frame.image

    def _decode(self, packet: "Packet[Stream]") -> list[VideoFrame]:
        try:
            return [picture for picture in packet.decode() if isinstance(picture, VideoFrame)]
        except EOFError:
            return []
        except av.error.FFmpegError as error:
            self.damaged += 1
            if self.strict:
                when = "" if packet.pts is None else f" near {float(packet.pts * packet.time_base):.2f} s"
                raise UserError(f"{self.video.path}: is damaged{when} ({error.strerror})") from None
            return []

    def _stand_in(self, number: int, picture: VideoFrame | None) -> VideoFrame:
        if picture is None:
            raise UserError(f"{self.video.path}: none of its frames can be decoded; the file is damaged")
        if self.strict:
            raise UserError(f"{self.video.path}: is damaged (its frame {number} cannot be decoded)")
        self.replaced.append(number)
        return picture


def write_pictures(decoder: PictureDecoder, places: Mapping[int, Sequence[Path]], size: int) -> None:
    """Writes frames as png.

    Args:
        decoder: of the video.
        places: for each frame number the files that show it.
        size: side in pixels.

    Raises:
        UserError: see `PictureDecoder.pictures`.
    """
    video = decoder.video
    upright = UprightRGB(video.rotation, video.height, video.width)
    for number, picture in decoder.pictures(sorted(places)):
        content = _png(resize_bilinear(upright(picture), size))
        for path in places[number]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def resize_bilinear(image: np.ndarray, size: int) -> np.ndarray:
    """The whole picture at `size` x `size` as the original's cv2.resize makes it: four neighbours, no smoothing.

    PIL's bilinear filter smooths where it shrinks and would give other pictures than the released ones; values lie
    within 1 of cv2's, which counts in fixed point.

    Args:
        image: (H, W, 3) uint8.
        size: side in pixels.

    Returns:
        (size, size, 3) uint8.
    """
    if image.shape[:2] == (size, size):
        return image
    planes = torch.from_numpy(image).permute(2, 0, 1).unsqueeze(0).float()
    resized = interpolate(planes, (size, size), mode="bilinear", align_corners=False, antialias=False)
    return resized[0].round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def _png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="png", compress_level=_PNG_LEVEL)
    return buffer.getvalue()
