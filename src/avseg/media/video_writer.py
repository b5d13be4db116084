"""Write videos with sound: a video repainted frame by frame, and a data set's clip made playable.

Written as H.264 (yuv420p) in MP4, which every browser plays.
"""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import OutputContainer
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream

from avseg.media.container import decode, file_url, open_video, packets, sound_stream, video_stream
from avseg.media.frames import FrameClock
from avseg.media.sound_copy import SoundPlan, plan_sound, sound_track
from avseg.media.tone_mapping import HDR
from avseg.media.upright import Turning
from avseg.media.video import Frame, UprightRGB, Video
from avseg.utils.files import atomic_file

Paint = Callable[[np.ndarray, Frame], np.ndarray]  # (H, W, 3) uint8 -> the painted frame of the same size
# few threads, a short look-ahead and no B-frames limit the memory: each of them holds whole frames
# with the macroblock tree 18 of 5,300 runs wrote other bytes for the same frames, without it none of 15,800; crf 24
# makes up for it: a real video has 45.2 dB in 0.41 MB, and had 44.2 dB in 0.31 MB at crf 20 with the tree
X264 = {"preset": "veryfast", "crf": "24", "rc-lookahead": "4", "bf": "0", "threads": "2", "mbtree": "0"}
BT709 = (1, 9, 10)  # AVColorSpace values: BT.709, and BT.2020, which is converted to it, as HDR is


def repaint(video: Video, path: Path, paint: Paint, plan: SoundPlan | None = None) -> None:
    """Write a copy of a video with painted frames: upright, same size, same display times, same sound.

    An odd size, which H.264 does not allow, grows by one row or column, a copy of the last. `plan` is that of
    `plan_sound`, which is called if it is None.
    """
    plan = plan or plan_sound(video)
    with open_video(video.path) as source, _create(path) as target:
        stream = video_stream(source, video.path)
        sound = sound_stream(source, video.audio_track) if plan else None
        images = ImageTrack(
            target,
            video.height,
            video.width,
            video.frame_rate,
            _time_base(stream, video),
            aspect=Fraction(video.pixel_aspect).limit_denominator(10_000) if video.pixel_aspect != 1 else None,
            bt709=_is_bt709(stream),
        )
        track = sound_track(target, sound, video, plan) if sound and plan else None
        clock = FrameClock(video)
        upright = UprightRGB(video.view, video.height, video.width)
        turning = Turning()
        for packet in packets(source, [stream, *([sound] if sound else [])], video.clock):
            if packet.stream.index != stream.index:
                if track is not None:
                    track.take(packet)
                continue
            for image in decode(packet):
                if isinstance(image, VideoFrame):
                    frame = clock.frame(image)
                    images.write(paint(upright(turning.mark(image)), frame), video.lead + frame.time)
        images.close(video.lead + video.duration)
        if track is not None:
            track.close()


def make_clip_video(
    frames: np.ndarray, waveform: np.ndarray, path: Path, *, sample_rate: int = 16_000, fps: int = 8
) -> None:
    """Write a clip of a data set as a video in which each frame is shown for one second, with the sound.

    Frames are (T, H, W, 3) uint8, repeated `fps` times per second. The waveform, (n,) or (channels, n) float in
    [-1, 1], is cut or zero-padded to T seconds.
    """
    seconds, height, width = frames.shape[:3]
    mono = np.atleast_2d(waveform).mean(0)[: seconds * sample_rate].astype(np.float32)
    mono = np.pad(mono, (0, seconds * sample_rate - len(mono)))
    with atomic_file(path) as temporary, _create(temporary) as target:
        images = ImageTrack(target, height, width, fps, Fraction(1, fps))
        # 7350 Hz is AAC's lowest rate
        track = target.add_stream("aac", rate=sample_rate if sample_rate >= 7350 else 16_000, layout="mono")
        for second in range(seconds):
            for step in range(fps):
                images.write(frames[second], second + step / fps)
            samples = mono[None, second * sample_rate : (second + 1) * sample_rate]
            sound = AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            sound.sample_rate = sample_rate
            sound.pts = second * sample_rate
            sound.time_base = Fraction(1, sample_rate)
            target.mux(track.encode(sound))
        images.close(seconds)
        target.mux(track.encode(None))


class ImageTrack:
    """An H.264 track that accepts RGB frames of any size."""

    def __init__(
        self,
        target: OutputContainer,
        height: int,
        width: int,
        frame_rate: float,  # nominal: the times passed with the frames decide
        time_base: Fraction,  # unit of the stored times, in seconds
        *,
        aspect: Fraction | None = None,  # width over height of a pixel; None = square
        bt709: bool = False,  # colours of high definition, otherwise of standard definition
    ) -> None:
        self.target = target
        self.time_base = time_base
        # yuv420p stores colours at half the resolution, so both sides must be even
        self.padding = ((0, height % 2), (0, width % 2), (0, 0))
        rate = Fraction(frame_rate).limit_denominator(1001 * 10)
        self.stream = target.add_stream("libx264", rate=rate, options=dict(X264))
        self.stream.height = height + height % 2
        self.stream.width = width + width % 2
        self.stream.pix_fmt = "yuv420p"
        context = self.stream.codec_context
        context.time_base = time_base
        if aspect:
            context.sample_aspect_ratio = aspect
        if bt709:
            context.colorspace = context.color_primaries = context.color_trc = 1
        context.color_range = ColorRange.MPEG  # the one that every player shows right
        self.colorspace = Colorspace.ITU709 if bt709 else Colorspace.ITU601
        self.reformatter = VideoReformatter()
        self.pending: VideoFrame | None = None
        self.encoded = -1  # time stamp of the last encoded frame
        self.durations: dict[int, int] = {}  # by pts, of the frames that the encoder still holds

    def write(self, image: np.ndarray, time: float) -> None:
        """Add a frame (H, W, 3) uint8 that is displayed from `time` on, in seconds."""
        image = np.pad(image, self.padding, mode="edge") if any(map(any, self.padding)) else image
        rgb = VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame = self.reformatter.reformat(rgb, format="yuv420p", dst_colorspace=self.colorspace, threads=1)
        frame.pts = round(time / self.time_base)
        frame.time_base = self.time_base
        if frame.pts <= self.encoded:  # of a damaged file that goes back
            return
        self._encode_pending(frame.pts)
        self.pending = frame

    def close(self, duration: float) -> None:
        """End the track after `duration` seconds."""
        self._encode_pending(round(duration / self.time_base))
        self._encode(None)

    def _encode_pending(self, until: int) -> None:
        """Encode the pending frame, now that the end of its display time is known."""
        # of two frames at the same time only the later one can be shown
        if self.pending is not None and self.pending.pts is not None and until > self.pending.pts:
            self.durations[self.pending.pts] = until - self.pending.pts
            self.encoded = self.pending.pts
            self._encode(self.pending)

    def _encode(self, frame: VideoFrame | None) -> None:
        for packet in self.stream.encode(frame):
            if packet.pts is not None:
                packet.duration = self.durations.pop(packet.pts, 0)  # the encoder drops it; MP4 would guess
            self.target.mux(packet)


def _is_bt709(stream: VideoStream) -> bool:
    """True if the copy has the colours of high definition; otherwise it keeps the matrix of the source."""
    codec = stream.codec_context
    return codec.colorspace in BT709 or codec.color_trc in HDR or (stream.format is not None and stream.format.is_rgb)


def _create(path: Path) -> OutputContainer:
    return av.open(file_url(path), "w", format="mp4", container_options={"movflags": "+faststart"})


def _time_base(stream: Stream, video: Video) -> Fraction:
    """Return the source's time base, so that times are not rounded, unless it is too fine for MP4."""
    base = stream.time_base
    if base and video.timed and base.denominator <= 1_000_000:
        return base
    frame = 1 / Fraction(video.frame_rate).limit_denominator(1001)
    return frame if video.constant_rate else Fraction(1, 90_000)
