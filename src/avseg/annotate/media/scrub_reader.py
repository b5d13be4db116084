"""Decode frames for scrubbing: fast jumps into long GOPs, and fast steps backwards."""

from collections.abc import Iterator

import numpy as np
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame

from avseg.media.container import decode, packets
from avseg.media.frame_index import NEAR, FrameIndex, FrameReader
from avseg.media.upright import Turning

MARGIN = 4  # frames before the requested one that are decoded in full, for a step back and as substitutes
_GREY = 128
# decoders that accept skip_frame per packet; others, such as libdav1d, read it only once, at the start
_PER_PACKET_SKIP = frozenset({"h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "vp8", "vp9"})


class ScrubReader(FrameReader):
    """Decodes frames by number like `FrameReader`, but on the way to a frame only those that it depends on.

    B-frames without references are skipped on the way, which halves the time of a jump. A step backwards out of the
    cache fills half of it with the frames before, so that the next steps are cached. A frame that cannot be decoded is
    substituted and noted, without a warning.
    """

    def __init__(self, index: FrameIndex, cache: int = 16) -> None:
        super().__init__(index, max(cache, 2 * MARGIN))
        self.notes: dict[int, str] = {}  # problems of frames, by number
        self.needed = 0  # frames before this one are decoded only if others depend on them

    def near(self, number: int) -> bool:
        """True if a frame is cached, or among the next to be decoded."""
        return number in self.kept or self.at < number <= self.at + NEAR

    def _reach(self, number: int) -> None:
        backwards = 0 <= self.at - number <= self.cache
        self.needed = number - (self.cache // 2 if backwards else MARGIN)
        super()._reach(number)

    def _decoded_frames(self) -> Iterator[VideoFrame]:
        can_skip = self.stream.codec_context.codec.name in _PER_PACKET_SKIP
        turning = Turning()
        for packet in packets(self.container, [self.stream], self.index.video.clock):
            if can_skip:
                self.stream.codec_context.skip_frame = "NONREF" if self._is_before_needed(packet) else "DEFAULT"
            for image in decode(packet):
                if isinstance(image, VideoFrame):
                    yield turning.mark(image)

    def _is_before_needed(self, packet: "Packet[Stream]") -> bool:
        """True if the frame of a packet is before the needed ones; False if frames have no time stamps."""
        if packet.pts is None or not len(self.index.stamps):
            return False
        return self.needed > 0 and packet.pts < int(self.index.stamps[min(self.needed, len(self.index) - 1)])

    def _shown_before(self, number: int) -> VideoFrame:
        if not self.kept:
            self.notes[number] = f"frame {number} cannot be decoded, nor any near it; a grey image is shown instead"
            video = self.index.video
            size = video.view.stored_size(video.height, video.width)
            return VideoFrame.from_ndarray(np.full((*size, 3), _GREY, np.uint8), format="rgb24")
        substitute = self.substitute(number)
        self.notes[number] = f"frame {number} cannot be decoded; frame {substitute} is shown instead"
        return self.kept[substitute]
