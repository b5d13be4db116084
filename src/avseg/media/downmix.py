"""Mix the channels of decoded sound down to stereo or mono, as players do."""

import struct

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.error import FFmpegError
from av.sidedata.sidedata import Type

from avseg.media.side_data import read_side_data

# preferred_downmix_type of AVDownmixInfo for stereo that a surround decoder takes apart: the name of its matrix
_SURROUND_MATRICES = {2: "dolby", 3: "dplii"}
_AMBISONIC = (4, 9, 16, 25, 36)  # channels of ambisonics of order 1 to 5


class Downmix:
    """Converts frames of any sample format and layout to (channels, n) float32; channels is 1 or 2.

    Mono and stereo keep their level: mono is the mean of stereo. Layouts of more channels are mixed to stereo by
    FFmpeg's matrix, the standard one (ITU-R BS.775: centre and surround channels 3 dB lower, no LFE), with the levels
    that frames of AC-3 and E-AC-3 request instead. What exceeds full scale, a sum or sound stored as floating point, is
    clipped, as players do. Channels without a layout get FFmpeg's usual one for their number (3 are 2.1, 6 are 5.1, 24
    are 22.2); where there is none, or where they may be ambisonics, they get no place in the room: see
    `_without_places`.
    """

    def __init__(self, channels: int) -> None:
        self.channels = channels
        self.resampler: AudioResampler | None = None
        self.setup: tuple[object, ...] = ()  # of the resampler

    def __call__(self, frame: AudioFrame) -> np.ndarray:
        """Return the samples of a frame, (channels, n); NaN becomes 0."""
        samples = self._mix(frame) if frame.layout.nb_channels > 2 else planes(frame)
        samples = np.clip(np.nan_to_num(samples), -1, 1)
        if self.channels == 1:
            samples = samples.mean(0, keepdims=True)
        elif len(samples) == 1:
            samples = np.repeat(samples, 2, 0)
        mixed: np.ndarray = samples.astype(np.float32)
        return mixed

    def _mix(self, frame: AudioFrame) -> np.ndarray:
        """Return more than two channels as (2, n) or (1, n) float64."""
        names = [channel.name for channel in frame.layout.channels]
        is_ambisonic = any(name.startswith("AMBI") for name in names)
        if not is_ambisonic and ("NONE" not in names or len(names) not in _AMBISONIC):
            try:
                return self._convert(frame, "stereo")
            except FFmpegError:  # FFmpeg has no matrix for this layout
                pass
        return _without_places(self._convert(frame, frame.layout.name), names)

    def _convert(self, frame: AudioFrame, layout: str) -> np.ndarray:
        """Return the samples in a layout as (channels, n) float64, at the same rate."""
        options = _levels(frame, self.channels) if layout == "stereo" else {}
        setup = (frame.format.name, frame.layout.name, frame.sample_rate, layout, options)
        if self.resampler is None or setup != self.setup:
            # packed: PyAV cannot read frames of exactly 8 planes (version 18.1 crashes)
            self.resampler = AudioResampler(format="dbl", layout=layout, rate=frame.sample_rate, options=options)
            self.setup = setup
        # without a change of rate every frame comes back at once
        blocks = [block.to_ndarray()[0] for block in self.resampler.resample(frame)]
        channels = 2 if layout == "stereo" else frame.layout.nb_channels
        samples: np.ndarray = np.concatenate(blocks).reshape(-1, channels).T
        return samples


def _levels(frame: AudioFrame, channels: int) -> dict[str, str]:
    """Return FFmpeg's options for the downmix levels that a frame requests (AVDownmixInfo), none if it does not."""
    info = read_side_data(frame, Type.DOWNMIX_INFO)
    if len(info) < 48:
        return {}
    preferred, center, center_surround, surround, surround_surround, lfe = struct.unpack_from("=i4x5d", info)
    matrix = _SURROUND_MATRICES.get(preferred, "none") if channels == 2 else "none"  # its mean lacks the surround
    if matrix != "none":
        center, surround = center_surround, surround_surround
    levels = {"center_mix_level": center, "surround_mix_level": surround, "lfe_mix_level": lfe}
    return {**{name: str(level) for name, level in levels.items()}, "matrix_encoding": matrix}


def _without_places(samples: np.ndarray, names: list[str]) -> np.ndarray:
    """Mix channels (k, n) whose places are not known to (1, n): their mean; of ambisonics the omnidirectional one.

    Ambisonics may come with head-locked stereo, which is added.
    """
    mixed: np.ndarray = samples.mean(0) if "AMBI0" not in names else samples[names.index("AMBI0")]
    head_locked = [row for row, name in zip(samples, names, strict=True) if not name.startswith(("AMBI", "NONE"))]
    if "AMBI0" in names and head_locked:
        mixed = mixed + np.mean(head_locked, 0)
    return mixed[None]


def planes(frame: AudioFrame) -> np.ndarray:
    """Return the samples of up to 7 channels as (channels, n) float64; any sample format, planar or packed."""
    samples: np.ndarray = frame.to_ndarray()
    channels = len(frame.layout.channels) or frame.layout.nb_channels
    # planar: (channels, n); packed: (1, n * channels) with interleaved samples
    separate = (samples if frame.format.is_planar else samples.reshape(-1, channels).T).astype(np.float64)
    if samples.dtype == np.uint8:
        separate = (separate - 128) / 128
    elif samples.dtype.kind == "i":
        separate = separate / 2.0 ** (8 * samples.itemsize - 1)
    return separate
