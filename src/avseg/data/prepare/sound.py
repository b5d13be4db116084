"""Write the sound of a video's clips: 16-bit mono wav at 16 kHz, and its log-mel patches."""

import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av.error
import numpy as np
import numpy.typing as npt
import soundfile
import torch

from avseg.audio.frontend import LogMel, fit_to_frames
from avseg.media.container import decode_strictly, open_video, packets, sound_stream, video_stream
from avseg.media.sound_reader import sound_seconds
from avseg.media.timestamps import Scan
from avseg.media.video import GAP, Video

_RATE = LogMel.sample_rate


def sound_end(video: Video) -> float:
    """Return the end of the sound in seconds from the first frame, by its packet times; 0 without sound.

    Sound after the last second of the frames does not count.
    """
    if video.sound is None:
        return 0.0
    with open_video(video.path) as container:
        track = sound_stream(container, video.audio_track)
        assert track is not None
        scan = Scan(video_stream(container, video.path), track)
        scan.read(packets(container, [track], video.clock))
    return min(max(scan.sound_end - video.start, 0.0), float(video.seconds))


def count_damaged_packets(video: Video) -> int:
    """Return the number of sound packets that cannot be decoded; they become silence."""
    damaged = 0
    if video.sound is None:
        return 0
    with open_video(video.path) as container:
        track = sound_stream(container, video.audio_track)
        assert track is not None
        for packet in packets(container, [track]):
            try:
                decode_strictly(packet)
            except EOFError:  # the decoder is drained
                pass
            except av.error.FFmpegError:
                damaged += 1
    return damaged


def clip_waveforms(
    video: Video, end: float, clips: int, seconds: int, *, silent: bool = False
) -> Iterator[npt.NDArray[np.int16]]:
    """Yield the sound of consecutive clips, (n,) int16 at 16 kHz with 0 < n <= seconds * 16000.

    Where the sound ends inside a clip (`end` is the `sound_end` of the video) the waveform ends too, so that its last
    log-mel patch is the one that repeats, as in the official features. A clip after the end of the sound is silence of
    full length. `silent` replaces the sound by silence because none of it can be decoded.
    """
    stream = iter(()) if silent else sound_seconds(video)  # one array (16000,) per second
    for clip in range(clips):
        windows = list(islice(stream, seconds))
        silence = np.zeros((seconds - len(windows)) * _RATE, np.float32)
        waveform = np.concatenate([*windows, silence])
        remaining = 0.0 if silent else end - clip * seconds  # seconds of sound from the clip's begin on
        yield _to_int16(waveform[: _sound_samples(remaining, seconds)])


def write_sound(wav: Path, log_mel: Path, waveform: npt.NDArray[np.int16], patches: int) -> None:
    """Write a clip's wav and the log-mel patches computed from exactly that wav, (n,) at 16 kHz.

    The file holds (patches, 1, 96, 64) float32: every 0.96 s, the last one repeated. It is a plain tensor by
    `torch.save`, which loads with `weights_only=True`; the released files are pickles that only an unrestricted
    `pickle.load` reads.
    """
    sound = io.BytesIO()
    soundfile.write(sound, waveform, _RATE, subtype="PCM_16", format="WAV")
    samples = torch.from_numpy(waveform.astype(np.float32) / 32768)  # the same values as `read_wav` returns
    features = io.BytesIO()
    torch.save(fit_to_frames(LogMel()(samples, _RATE), patches).contiguous(), features)
    # in memory first: a failing encoder leaves no file
    for path, buffer in ((wav, sound), (log_mel, features)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(buffer.getvalue())


def _sound_samples(remaining: float, seconds: int) -> int:
    """Return the number of samples to keep: all if none is sound, or if only a coding delay is missing."""
    if remaining < 1 / _RATE or remaining > seconds - GAP:
        return seconds * _RATE
    return round(remaining * _RATE)


def _to_int16(waveform: npt.NDArray[np.float32]) -> npt.NDArray[np.int16]:
    samples: npt.NDArray[np.int16] = np.clip(np.rint(waveform * 32768.0), -32768, 32767).astype(np.int16)
    return samples
