"""Videos with sound: a video painted over frame by frame, and a data set's clip made playable.

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
from av.video.reformatter import Colorspace, VideoReformatter

from avseg.media.container import decode, open_video, packets, sound_stream, video_stream
from avseg.media.sound_copy import Reencoded, copied
from avseg.media.video import Frame, FrameClock, UprightRGB, Video
from avseg.utils.files import atomic_file

Paint = Callable[[np.ndarray, Frame], np.ndarray]
# few threads, a short look-ahead and no B-frames bound the memory: each holds whole frames
X264 = {"preset": "veryfast", "crf": "20", "rc-lookahead": "4", "bframes": "0", "threads": "2"}
BT709 = (1, 9, 10)  # AVColorSpace: BT.709, and BT.2020 which is brought to it


def repaint(video: Video, path: Path, paint: Paint) -> None:
    """Writes a video again with painted frames: upright, same size, same times of the frames, same sound.

    A size that is not even (H.264 cannot have it) grows by one row or column, a copy of the last. The sound is copied
    as it is where MP4 can hold it, else encoded again as AAC.

    Args:
        video: the source.
        path: the MP4 to write.
        paint: gets the frame (H, W, 3) uint8 and its number and time, gives the painted one of the same size.
    """
    with open_video(video.path) as source, _create(path) as target:
        stream = video_stream(source, video.path)
        sound = sound_stream(source) if video.sound else None
        aspect = stream.codec_context.sample_aspect_ratio
        pictures = PictureTrack(
            target,
            video.height,
            video.width,
            video.frame_rate,
            _time_base(stream, video),
            aspect=1 / aspect if aspect and video.rotation % 180 else aspect,
            bt709=stream.codec_context.colorspace in BT709,
        )
        origin = video.start - video.lead
        track = (copied(target, sound, origin) or Reencoded(target, sound, origin)) if sound else None
        clock, upright = FrameClock(video), UprightRGB(video.rotation, video.height, video.width)
        for packet in packets(source, [stream, *([sound] if sound else [])]):
            if packet.stream_index != stream.index:
                if track is not None:
                    track.take(packet)
                continue
            for picture in decode(packet):
                if isinstance(picture, VideoFrame):
                    frame = clock.frame(picture)
                    pictures.write(paint(upright(picture), frame), video.lead + frame.time)
        pictures.close(video.lead + video.duration)
        if track is not None:
            track.close()


def make_clip_video(
    frames: np.ndarray, waveform: np.ndarray, path: Path, *, sample_rate: int = 16_000, fps: int = 8
) -> None:
    """Makes a clip of a data set playable: each frame stands for its second, with the sound.

    Args:
        frames: (T, H, W, 3) uint8.
        waveform: (n,) or (channels, n) float in [-1, 1], from the first second on; cut or filled to T seconds.
        path: the MP4 to write; a folder that is missing is made.
        sample_rate: of the waveform, in Hz.
        fps: frames per second of the video; each frame is shown that many times.
    """
    seconds, height, width = frames.shape[:3]
    mono = np.atleast_2d(waveform).mean(0)[: seconds * sample_rate].astype(np.float32)
    mono = np.pad(mono, (0, seconds * sample_rate - len(mono)))
    with atomic_file(path) as temporary, _create(temporary) as target:
        pictures = PictureTrack(target, height, width, fps, Fraction(1, fps))
        track = target.add_stream("aac", rate=sample_rate if sample_rate >= 7350 else 16_000, layout="mono")
        for second in range(seconds):
            for step in range(fps):
                pictures.write(frames[second], second + step / fps)
            part = AudioFrame.from_ndarray(
                mono[None, second * sample_rate : (second + 1) * sample_rate], format="fltp", layout="mono"
            )
            part.sample_rate, part.pts, part.time_base = sample_rate, second * sample_rate, Fraction(1, sample_rate)
            target.mux(track.encode(part))
        pictures.close(seconds)
        target.mux(track.encode(None))


class PictureTrack:
    """An H.264 track that takes RGB frames of any size.

    Args:
        target: the file being written.
        height: rows of the frames.
        width: columns of the frames.
        frame_rate: the usual frames per second; the times given with the frames are what counts.
        time_base: unit of the times kept, in seconds.
        aspect: width over height of a pixel, None = square.
        bt709: colours as in high definition, else as in standard definition.
    """

    def __init__(
        self,
        target: OutputContainer,
        height: int,
        width: int,
        frame_rate: float,
        time_base: Fraction,
        *,
        aspect: Fraction | None = None,
        bt709: bool = False,
    ) -> None:
        self.target = target
        self.time_base = time_base
        self.padding = ((0, height % 2), (0, width % 2), (0, 0))
        self.stream = target.add_stream(
            "libx264", rate=Fraction(frame_rate).limit_denominator(1001 * 10), options=dict(X264)
        )
        self.stream.height, self.stream.width = height + height % 2, width + width % 2
        self.stream.pix_fmt = "yuv420p"
        context = self.stream.codec_context
        context.time_base = time_base
        if aspect:
            context.sample_aspect_ratio = aspect
        if bt709:
            context.colorspace = context.color_primaries = context.color_trc = 1
        self.colorspace = Colorspace.ITU709 if bt709 else Colorspace.ITU601
        self.reformatter = VideoReformatter()
        self.waiting: VideoFrame | None = None
        self.durations: dict[int, int] = {}  # of the frames that the encoder still holds

    def write(self, image: np.ndarray, time: float) -> None:
        """Adds a frame (H, W, 3) uint8 shown from `time` on, in seconds."""
        image = np.pad(image, self.padding, mode="edge") if any(map(any, self.padding)) else image
        rgb = VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        picture = self.reformatter.reformat(rgb, format="yuv420p", dst_colorspace=self.colorspace, threads=1)
        picture.pts, picture.time_base = round(time / self.time_base), self.time_base
        self._pass_on(picture.pts)
        self.waiting = picture

    def close(self, duration: float) -> None:
        """Ends the track after `duration` seconds."""
        self._pass_on(round(duration / self.time_base))
        self._encode(None)

    def _pass_on(self, until: int) -> None:
        """Encodes the waiting frame, now that it is known how long it is shown."""
        # of two frames at one instant only the later one can be shown
        if self.waiting is not None and self.waiting.pts is not None and until > self.waiting.pts:
            self.durations[self.waiting.pts] = until - self.waiting.pts
            self._encode(self.waiting)

    def _encode(self, frame: VideoFrame | None) -> None:
        for packet in self.stream.encode(frame):
            if packet.pts is not None:
                packet.duration = self.durations.pop(packet.pts, 0)  # the encoder forgets it; MP4 would guess
            self.target.mux(packet)


def _create(path: Path) -> OutputContainer:
    return av.open(str(path), "w", format="mp4", container_options={"movflags": "+faststart"})


def _time_base(stream: Stream, video: Video) -> Fraction:
    """The source's unit of time, so that no time is rounded, unless it is too fine for MP4."""
    base = stream.time_base
    if base and video.timed and base.denominator <= 1_000_000:
        return base
    exact = 1 / Fraction(video.frame_rate).limit_denominator(1001)
    return exact if video.constant_rate else Fraction(1, 90_000)
