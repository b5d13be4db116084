"""Read the sound of any video second by second, aligned with its frames."""

from collections.abc import Iterator

import numpy as np
from av.audio.frame import AudioFrame

from avseg.media.container import decode, open_video, packets, sound_stream
from avseg.media.downmix import Downmix
from avseg.media.sound_timeline import SoundTimeline
from avseg.media.video import Video
from avseg.utils.errors import UserError

RATE = 16_000  # Hz, the sample rate of VGGish


def sound_seconds(video: Video) -> Iterator[np.ndarray]:
    """Yield the sound of each second of a video as (16000,) float32, mixed to mono by `Downmix`.

    Second 0 begins with the first frame. Gaps in the recording and time after its end are silence, so that the l-th
    array is always the sound of second l. A video without a sound track is silent; a track of which nothing can be
    decoded is a `UserError`.
    """
    buffer = np.zeros(0, np.float32)
    second = 0
    for samples in _samples(video) if video.sound else ():
        buffer = np.concatenate([buffer, samples])
        while len(buffer) >= RATE:
            if second == video.seconds:
                return
            yield buffer[:RATE]
            buffer = buffer[RATE:]
            second += 1
    while second < video.seconds:
        yield np.concatenate([buffer, np.zeros(RATE - len(buffer), np.float32)])
        buffer = buffer[:0]
        second += 1


def can_decode_sound(video: Video) -> bool:
    """True if any of a video's sound can be decoded; reads up to the first part that can."""
    with open_video(video.path) as container:
        stream = sound_stream(container, video.audio_track)
        for packet in packets(container, [stream], video.clock) if stream else ():
            if any(isinstance(frame, AudioFrame) for frame in decode(packet)):
                return True
    return False


def _samples(video: Video) -> Iterator[np.ndarray]:
    """Yield 16 kHz samples (n,) from the time of the first frame on, at most about a second at a time."""
    timeline = SoundTimeline(video.start, video.start + video.seconds, RATE, "mono", Downmix(1))
    with open_video(video.path) as container:
        stream = sound_stream(container, video.audio_track)
        assert stream is not None
        for packet in packets(container, [stream], video.clock):
            for frame in decode(packet):
                if isinstance(frame, AudioFrame):
                    for samples in timeline.align(frame):
                        yield np.clip(samples[0], -1, 1)  # resampling rounds off the corners of clipped sound
        for samples in timeline.flush():
            yield np.clip(samples[0], -1, 1)
    if not timeline.decoded:
        raise UserError(
            f"{video.path}: its sound ({stream.codec_context.name}) cannot be decoded; --silence predicts without"
        )
