"""The sound of a video's clips: 16-bit mono wav at 16 kHz, and its log-mel patches."""

import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av.error
import numpy as np
import soundfile
import torch

from avseg.audio.frontend import fit_to_frames
from avseg.audio.log_mel import SAMPLE_RATE, log_mel_patches
from avseg.media.container import open_video, packets, sound_stream, video_stream
from avseg.media.sound_reader import sound_seconds
from avseg.media.timestamps import Scan
from avseg.media.video import GAP, Video


def sound_end(video: Video) -> float:
    """When the sound ends, in seconds from the first frame, by the times of its packets; 0 without sound.

    Sound behind the last second of the picture does not count.
    """
    if video.sound is None:
        return 0.0
    with open_video(video.path) as container:
        track = sound_stream(container)
        assert track is not None
        scan = Scan(video_stream(container, video.path), track)
        scan.read(packets(container, [track]))
    return min(max(scan.sound_end - video.start, 0.0), float(video.seconds))


def damaged_sound(video: Video) -> int:
    """Number of packets of sound that cannot be decoded, and are silence."""
    damaged = 0
    if video.sound is None:
        return 0
    with open_video(video.path) as container:
        track = sound_stream(container)
        assert track is not None
        for packet in packets(container, [track]):
            try:
                packet.decode()
            except EOFError:
                pass
            except av.error.FFmpegError:
                damaged += 1
    return damaged


def clip_waves(video: Video, end: float, clips: int, seconds: int, *, silent: bool = False) -> Iterator[np.ndarray]:
    """The sound of consecutive clips, each as long as there is sound in it.

    Where the sound ends inside a clip the array does, so that its last log-mel patch is the one that repeats, as in the
    official features. A clip behind the end of the sound is silence of its full length.

    Args:
        video: the video.
        end: `sound_end` of it.
        clips: how many.
        seconds: of each clip.
        silent: take the sound for silence, since none of it can be decoded.

    Yields:
        (n,) int16 with 0 < n <= seconds * 16000.
    """
    heard = iter(()) if silent else sound_seconds(video)
    for clip in range(clips):
        left = 0.0 if silent else end - clip * seconds
        parts = list(islice(heard, seconds))
        wave = np.concatenate([*parts, np.zeros((seconds - len(parts)) * SAMPLE_RATE, np.float32)])
        yield _pcm(wave[: _samples(left, seconds)])


def write_sound(wav: Path, log_mel: Path, wave: np.ndarray, patches: int) -> None:
    """Writes a clip's wav and the log-mel patches computed from that very wav.

    The patches are a plain tensor by `torch.save`, which loads with `weights_only=True`; the released files are pickles
    that only an unrestrained `pickle.load` reads.

    Args:
        wav: the sound file.
        log_mel: the file of the patches, (patches, 1, 96, 64) float32: every 0.96 s, the last one repeated.
        wave: (n,) int16 at 16 kHz.
        patches: how many.
    """
    sound, features = io.BytesIO(), io.BytesIO()
    soundfile.write(sound, wave, SAMPLE_RATE, subtype="PCM_16", format="WAV")
    samples = torch.from_numpy(wave.astype(np.float32) / 32768)  # what `read_wav` gives
    torch.save(fit_to_frames(log_mel_patches(samples, SAMPLE_RATE), patches).contiguous(), features)
    for path, buffer in ((wav, sound), (log_mel, features)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(buffer.getvalue())


def _samples(left: float, seconds: int) -> int:
    """How many samples of a clip are sound; all if none is, or if no more than a coding delay is missing."""
    if left < 1 / SAMPLE_RATE or left > seconds - GAP:
        return seconds * SAMPLE_RATE
    return round(left * SAMPLE_RATE)


def _pcm(wave: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(wave * 32768.0), -32768, 32767).astype(np.int16)
