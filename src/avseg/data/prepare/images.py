"""Write frames of a video as png files in one pass through the file, detecting all damage."""

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import av.error
import numpy as np
import numpy.typing as npt
import torch
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from PIL import Image
from torch.nn.functional import interpolate

from avseg.media.container import open_video, packets, video_stream
from avseg.media.frames import FrameClock
from avseg.media.video import Frame, UprightRGB, Video
from avseg.utils.errors import UserError

_PNG_LEVEL = 3  # of zlib


class FrameDecoder:
    """Decodes selected frames of a video in one pass.

    A strict one raises on the first damage, even where the decoder would hide it by guessing pixels.
    """

    def __init__(self, video: Video, *, strict: bool) -> None:
        self.video = video
        self.strict = strict
        self.damaged = 0  # packets that could not be decoded
        self.replaced: list[int] = []  # numbers of frames that were not decoded: the frame before replaces each

    def decode(self, numbers: Sequence[int]) -> Iterator[tuple[int, VideoFrame]]:
        """Yield the frames of ascending numbers; raises `UserError` for damage if strict, or if nothing is decoded."""
        selected = iter(numbers)
        number = next(selected, None)
        previous: VideoFrame | None = None
        for frame in self._decode_all():
            while number is not None and number < frame.number:  # the decoder dropped it
                yield number, self._replace(number, previous or frame.image)
                number = next(selected, None)
            if number == frame.number:
                yield number, frame.image
                number = next(selected, None)
            previous = frame.image
        while number is not None:  # after the last decoded frame
            yield number, self._replace(number, previous)
            number = next(selected, None)

    def _decode_all(self) -> Iterator[Frame]:
        clock = FrameClock(self.video)
        with open_video(self.video.path) as container:
            stream = video_stream(container, self.video.path)
            stream.codec_context.thread_count = 1  # FFmpeg hides errors when it decodes in several threads
            if self.strict:
                stream.codec_context.options = {"err_detect": "explode"}
            for packet in packets(container, [stream], self.video.clock):
                for image in self._decode_packet(packet):
                    yield clock.frame(image)

    def _decode_packet(self, packet: "Packet[Stream]") -> list[VideoFrame]:
        try:
            return [frame for frame in packet.decode() if isinstance(frame, VideoFrame)]
        except EOFError:  # the decoder is drained
            return []
        except av.error.FFmpegError as error:
            self.damaged += 1
            if self.strict:
                time = "" if packet.pts is None else f" near {float(packet.pts * packet.time_base):.2f} s"
                raise UserError(f"{self.video.path}: is damaged{time} ({error.strerror})") from None
            return []

    def _replace(self, number: int, previous: VideoFrame | None) -> VideoFrame:
        if previous is None:
            raise UserError(f"{self.video.path}: none of its frames can be decoded; the file is damaged")
        if self.strict:
            raise UserError(f"{self.video.path}: is damaged (its frame {number} cannot be decoded)")
        self.replaced.append(number)
        return previous


def write_frames(decoder: FrameDecoder, paths: Mapping[int, Sequence[Path]], size: int) -> None:
    """Write frames as square png files of `size` pixels per side; `paths` are the files to write by frame number."""
    video = decoder.video
    to_rgb = UprightRGB(video.view, video.height, video.width)
    for number, frame in decoder.decode(sorted(paths)):
        # one second after the end of a video shows its last frame again: encode it once
        content = _encode_png(resize_bilinear(to_rgb(frame), size))
        for path in paths[number]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def resize_bilinear(image: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Resize (H, W, 3) to (size, size, 3) like cv2.resize in the original code: four neighbours, no smoothing.

    PIL's bilinear filter smooths when it shrinks, so its frames would differ from the released ones. Values are within
    1 of cv2's fixed-point arithmetic.
    """
    if image.shape[:2] == (size, size):
        return image
    planes = torch.from_numpy(image).permute(2, 0, 1).unsqueeze(0).float()  # (1, 3, H, W)
    # half-pixel centres, as cv2 has them
    resized = interpolate(planes, (size, size), mode="bilinear", align_corners=False, antialias=False)
    pixels: npt.NDArray[np.uint8] = resized[0].round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    return pixels


def _encode_png(image: npt.NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="png", compress_level=_PNG_LEVEL)
    return buffer.getvalue()
