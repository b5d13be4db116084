"""Check the sound of a clip: it exists, is readable and has the clip's length; find its silent seconds."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avseg.audio.log_mel import LOG_OFFSET, read_wav
from avseg.audio.log_mel_file import read_log_mel
from avseg.data.avsbench.layout import Layout
from avseg.data.check.findings import FETCH, Finding, reason, relative
from avseg.data.setting import ClipEntry
from avseg.utils.errors import UserError

TOLERANCE = 0.5  # seconds that a sound may be longer or shorter than its clip
REBUILD = "`avseg data check --fix` recomputes it from the wav"
_SILENCE = 10 ** (-50 / 20)  # root mean square relative to full scale: -50 dB
_SILENT_LOG_MEL = float(np.log(LOG_OFFSET)) + 0.5  # the loudest band of a silent patch is ln 0.01
_RECUT = "extract it from the video again: `avseg data prepare`"


@dataclass(frozen=True)
class ClipSound:
    """The sound of a clip."""

    seconds: float | None = None  # its length; None without a readable wav
    rate: int = 0  # samples per second; 0 without a readable wav
    loud: tuple[bool, ...] = ()  # for each second of the clip True if it is not silent; () if nothing is readable
    digest: str = ""  # hash of the samples or patches; "" if nothing is readable


def check_sound(
    layout: Layout,
    entry: ClipEntry,
    sounds: tuple[str, ...],  # the files a clip of this set should have: "wav", "log_mel"
    length: int,  # seconds of the clip
    findings: list[Finding],  # extended by the defects
    *,
    short: bool = False,  # True if the sound may be shorter than the clip
) -> ClipSound:
    """Read the wav and the log-mel file of a clip, whichever of them the set has."""
    wav = log_mel = ClipSound()
    has_wav = "wav" in sounds or not sounds
    if has_wav:  # also in a set without any sound, whose wavs are then missing
        wav = _check_wav(layout.wav(entry), layout.root, length, short, findings)
    if "log_mel" in sounds:
        fix = REBUILD if has_wav else FETCH
        log_mel = _check_log_mel(layout.log_mel(entry), layout.root, length, fix, findings)
    return wav if has_wav else log_mel


def _check_wav(path: Path, root: Path, length: int, short: bool, findings: list[Finding]) -> ClipSound:
    file = relative(path, root)
    if not path.is_file():
        findings.append(Finding("missing", file, "the clip's sound does not exist"))
        return ClipSound()
    size = path.stat().st_size
    declared = declared_bytes(path)
    try:
        if size == 0:
            raise UserError("is empty (0 bytes); fetch it again")
        if declared > size:
            raise UserError(f"is truncated: {size} of {declared} bytes; fetch it again")
        waveform, rate = read_wav(path)
    except UserError as error:
        findings.append(Finding("unreadable", file, reason(error, path)))
        return ClipSound()
    samples = waveform.mean(0).numpy()  # (channels, n) -> (n,)
    seconds = len(samples) / rate
    if seconds > length + TOLERANCE or (seconds < length - TOLERANCE and not short):
        findings.append(Finding("length", file, f"lasts {seconds:.2f} s, its clip {length} s", _RECUT))
    digest = hashlib.sha256(samples.tobytes()).hexdigest()  # of the samples: headers may differ
    return ClipSound(seconds, rate, _loud_seconds(samples, rate, length), digest)


def declared_bytes(path: Path) -> int:
    """Return the file length declared in a RIFF header; 0 for other files and for an unknown length."""
    with path.open("rb") as file:
        header = file.read(8)  # "RIFF" and the length of the rest, little endian
    size = int.from_bytes(header[4:8], "little")
    # streaming writers leave 0 or the largest number
    return size + 8 if header[:4] == b"RIFF" and 0 < size < 0xFFFFFF00 else 0


def _loud_seconds(samples: npt.NDArray[np.float32], rate: int, length: int) -> tuple[bool, ...]:
    loud = [False] * length
    for second in range(length):
        window = samples[second * rate : (second + 1) * rate]
        if len(window):  # the sound may end before its clip
            loud[second] = float(np.sqrt(np.mean(np.square(window)))) > _SILENCE
    return tuple(loud)


def _check_log_mel(path: Path, root: Path, length: int, fix: str, findings: list[Finding]) -> ClipSound:
    file = relative(path, root)
    if not path.is_file():
        findings.append(Finding("missing", file, "the clip's log-mel patches do not exist", fix))
        return ClipSound()
    try:
        patches = read_log_mel(path)
    except UserError as error:
        text = reason(error, path) if path.stat().st_size else "is empty (0 bytes)"
        findings.append(Finding("unreadable", file, text, fix))
        return ClipSound()
    if len(patches) != length:
        findings.append(Finding("length", file, f"holds {len(patches)} patches for {length} seconds", fix))
    loud = patches.amax(dim=(1, 2, 3)) > _SILENT_LOG_MEL  # (P, 1, 96, 64) -> (P,)
    return ClipSound(None, 0, tuple(loud.tolist()), hashlib.sha256(patches.numpy().tobytes()).hexdigest())
