"""Decodes frames for scrubbing: quick jumps into long groups of pictures, and quick steps backwards."""

from collections.abc import Iterator

import numpy as np
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame

from avseg.media.container import decode, packets
from avseg.media.frame_index import NEAR, FrameIndex, FrameReader

MARGIN = 4  # frames before a wanted one that are decoded in full, for a step back and as stand-ins
_GREY = 128
# decoders that are told for each packet what they may pass over; others, as libdav1d, are told once, at the start
_ABLE = frozenset({"h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "vp8", "vp9"})


class ScrubReader(FrameReader):
    """Decodes frames by number, as `FrameReader`, but on the way to a frame only what that frame depends on.

    B-frames that no other frame refers to are passed over on the way, which halves the time of a jump. Where a step
    leads backwards, out of what is kept, half of the cache is filled with the frames before, so that the next steps
    find them. A frame that cannot be decoded gets a stand-in and a note, instead of a warning.

    Args:
        index: the video's table.
        cache: how many decoded pictures are kept.

    Attributes:
        notes: what is wrong with frames, by number.
    """

    def __init__(self, index: FrameIndex, cache: int = 16) -> None:
        super().__init__(index, max(cache, 2 * MARGIN))
        self.notes: dict[int, str] = {}
        self.needed = 0  # frames before this one are wanted only where others depend on them

    def near(self, number: int) -> bool:
        """Whether a frame is kept, or decoded next."""
        return number in self.kept or self.at < number <= self.at + NEAR

    def _reach(self, number: int) -> None:
        backwards = 0 <= self.at - number <= self.cache
        self.needed = number - (self.cache // 2 if backwards else MARGIN)
        super()._reach(number)

    def _decoded_frames(self) -> Iterator[VideoFrame]:
        able = self.stream.codec_context.codec.name in _ABLE
        for packet in packets(self.container, [self.stream]):
            if able:
                self.stream.codec_context.skip_frame = "NONREF" if self._passes(packet) else "DEFAULT"
            for picture in decode(packet):
                if isinstance(picture, VideoFrame):
                    yield picture

    def _passes(self, packet: "Packet[Stream]") -> bool:
        """Whether a packet's frame lies before what is needed; only known where frames carry times."""
        if packet.pts is None or not len(self.index.stamps):
            return False
        return self.needed > 0 and packet.pts < int(self.index.stamps[min(self.needed, len(self.index) - 1)])

    def _shown_before(self, number: int) -> VideoFrame:
        earlier = [kept for kept in self.kept if kept < number]
        if not self.kept:
            self.notes[number] = f"frame {number} cannot be decoded, nor any near it; a grey picture stands in"
            return self._grey()
        instead = max(earlier) if earlier else min(self.kept)
        self.notes[number] = f"frame {number} cannot be decoded; frame {instead} stands in for it"
        return self.kept[instead]

    def _grey(self) -> VideoFrame:
        video = self.index.video
        size = (video.width, video.height) if video.rotation % 180 else (video.height, video.width)
        return VideoFrame.from_ndarray(np.full((*size, 3), _GREY, np.uint8), format="rgb24")
