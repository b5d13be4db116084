"""Opening files of any container, and reading their packets with patience for damage."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import av
import av.error
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from avseg.utils.errors import UserError

NOT_A_VIDEO = ("image2", "tty", "_pipe")  # formats in which FFmpeg shows pictures and plain text as if they were films


@contextmanager
def open_video(path: Path) -> Iterator[InputContainer]:
    """Opens a file of any container for reading.

    Raises:
        UserError: the file is missing, a folder, empty, or no container that FFmpeg knows.
    """
    if not path.is_file():
        raise UserError(f"{path}: " + ("is a folder, not a video" if path.is_dir() else "no such file"))
    if path.stat().st_size == 0:
        raise UserError(f"{path}: is empty (0 bytes); copy or download it again")
    try:
        container = av.open(str(path), metadata_errors="replace")
    except (av.error.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: not a video, or truncated or damaged beyond reading ({reason})") from None
    with container:
        if any(name in container.format.name for name in NOT_A_VIDEO):
            raise UserError(f"{path}: is a picture or a text ({container.format.name}), not a video")
        yield container


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The main picture track, with decoder threads bounded: each one holds whole frames.

    Raises:
        UserError: there is none (the cover picture of a song is none), or no decoder for it.
    """
    films = [stream for stream in container.streams.video if not stream.disposition & stream.disposition.attached_pic]
    if not films:
        kind = "sound only" if container.streams.audio else f"format {container.format.name}"
        raise UserError(f"{path}: has no video track ({kind})")
    best = container.streams.best("video")
    stream = next((film for film in films if best is not None and film.index == best.index), films[0])
    if stream.codec_context is None or not stream.codec_context.width:
        raise UserError(f"{path}: its video track cannot be decoded; convert it to H.264 first")
    stream.codec_context.thread_count = 2
    return stream


def sound_stream(container: InputContainer) -> AudioStream | None:
    """The main sound track, or None."""
    best = container.streams.best("audio")
    return best if isinstance(best, AudioStream) and best.codec_context is not None else None


def packets(container: InputContainer, streams: Sequence[Stream]) -> Iterator["Packet[Stream]"]:
    """The packets of these streams in the order of the file, then an empty one for each; a broken end just ends it."""
    with suppress(av.error.FFmpegError, EOFError):
        yield from container.demux(*streams)
        return
    for stream in streams:
        last: Packet[Stream] = Packet(0)
        last.stream = stream
        yield last


def decode(packet: "Packet[Stream]") -> list[AudioFrame | VideoFrame]:
    """The frames in a packet; none for a damaged one."""
    try:
        return [frame for frame in packet.decode() if isinstance(frame, AudioFrame | VideoFrame)]
    except (av.error.FFmpegError, EOFError):
        return []
