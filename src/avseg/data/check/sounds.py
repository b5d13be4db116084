"""The sound of a clip: whether it is there, readable and as long as the clip, and which of its seconds are silent."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avseg.audio.log_mel import LOG_OFFSET, read_wav
from avseg.audio.log_mel_file import read_log_mel
from avseg.data.avsbench.index import ClipEntry
from avseg.data.avsbench.layout import Layout
from avseg.data.check.findings import FETCH, Finding, reason, relative
from avseg.utils.errors import UserError

SLACK = 0.5  # seconds that a sound may be longer or shorter than its clip
_SILENCE = 10 ** (-50 / 20)  # root mean square relative to full scale
_QUIET_MEL = float(np.log(LOG_OFFSET)) + 0.5  # the loudest band of a silent patch is ln 0.01
REBUILD = "`avseg data check --fix` computes it anew from the wav"


@dataclass(frozen=True)
class HeardClip:
    """The sound of a clip.

    Attributes:
        seconds: its length; None if there is no wav that can be read.
        rate: samples per second, 0 without a wav.
        loud: for each second of the clip whether it is not silent; () if nothing can be read.
        digest: of what is heard; "" if nothing can be read.
    """

    seconds: float | None = None
    rate: int = 0
    loud: tuple[bool, ...] = ()
    digest: str = ""


def hear(
    layout: Layout, entry: ClipEntry, sounds: tuple[str, ...], length: int, short: bool = False
) -> tuple[HeardClip, list[Finding]]:
    """Reads the wav and the log-mel file of a clip, as far as the set has such files.

    Args:
        layout: where.
        entry: which clip.
        sounds: "wav" and "log_mel": what a clip of this set should have.
        length: seconds of the clip.
        short: whether the sound may be shorter.
    """
    findings: list[Finding] = []
    heard = HeardClip()
    if "wav" in sounds or not sounds:
        heard = _read_wav(layout.wav(entry), layout.root, length, short, findings)
    if "log_mel" in sounds:
        patches = _read_log_mel(layout.log_mel(entry), layout.root, length, "wav" in sounds, findings)
        if "wav" not in sounds:
            heard = patches
    return heard, findings


def _read_wav(path: Path, root: Path, length: int, short: bool, findings: list[Finding]) -> HeardClip:
    where = relative(path, root)
    if not path.is_file():
        findings.append(Finding("missing", where, "the clip's sound is not there"))
        return HeardClip()
    said, there = promised_bytes(path), path.stat().st_size
    try:
        if there == 0:
            raise UserError("is empty (0 bytes); fetch it again")
        if said > there:
            raise UserError(f"is truncated: {there} of {said} bytes; fetch it again")
        waveform, rate = read_wav(path)
    except UserError as error:
        findings.append(Finding("unreadable", where, reason(error, path)))
        return HeardClip()
    samples = waveform.mean(0).numpy()
    seconds = len(samples) / rate
    if seconds > length + SLACK or (seconds < length - SLACK and not short):
        text = f"lasts {seconds:.2f} s, its clip {length} s"
        findings.append(Finding("length", where, text, "cut it anew from the video: `avseg data prepare`"))
    digest = hashlib.sha256(samples.tobytes()).hexdigest()
    return HeardClip(seconds, rate, _loud_seconds(samples, rate, length), digest)


def promised_bytes(path: Path) -> int:
    """The length that a RIFF file's header tells; 0 for other files, and where a writer did not know it."""
    with path.open("rb") as file:
        header = file.read(8)
    size = int.from_bytes(header[4:8], "little")
    return size + 8 if header[:4] == b"RIFF" and 0 < size < 0xFFFFFF00 else 0


def _loud_seconds(samples: npt.NDArray[np.float32], rate: int, length: int) -> tuple[bool, ...]:
    seconds = [samples[second * rate : (second + 1) * rate] for second in range(length)]
    return tuple(bool(len(part)) and float(np.sqrt(np.mean(np.square(part)))) > _SILENCE for part in seconds)


def _read_log_mel(path: Path, root: Path, length: int, can_rebuild: bool, findings: list[Finding]) -> HeardClip:
    where = relative(path, root)
    mend = REBUILD if can_rebuild else FETCH
    if not path.is_file():
        findings.append(Finding("missing", where, "the clip's log-mel patches are not there", mend))
        return HeardClip()
    try:
        patches = read_log_mel(path)
    except UserError as error:
        text = reason(error, path) if path.stat().st_size else "is empty (0 bytes)"
        findings.append(Finding("unreadable", where, text, mend))
        return HeardClip()
    if len(patches) != length:
        findings.append(Finding("length", where, f"holds {len(patches)} patches for {length} seconds", mend))
    loud = tuple((patches.amax(dim=(1, 2, 3)) > _QUIET_MEL).tolist())
    return HeardClip(None, 0, loud, hashlib.sha256(patches.numpy().tobytes()).hexdigest())
