"""Open video files of any container and read their packets, tolerating damage."""

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import av
import av.error
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from avseg.media.clock import PLAIN, Clock, drain
from avseg.media.upright import Turning
from avseg.utils.errors import UserError

# FFmpeg demuxers that present images and text as videos, besides those of single images, which end in "_pipe"
NOT_A_VIDEO = frozenset(["image2", "tty", "bin", "xbin", "adf", "idf", "ico"])
PLAYLISTS = frozenset(["hls", "dash", "concat", "imf"])  # name other files to play; named by themselves they are read
IMAGE_BRANDS = frozenset(["heic", "heix", "mif1", "avif"])  # of photographs in the container of MP4
IMAGE_CODECS = frozenset(["mjpeg", "png", "bmp", "gif", "tiff", "webp"])  # of cover images beside a film


@contextmanager
def open_video(path: Path) -> Iterator[InputContainer]:
    """Open a file of any container for reading.

    Raises:
        UserError: the file is missing, a folder, empty, or not a container that FFmpeg reads.
    """
    if not path.is_file():
        raise UserError(f"{path}: {_no_file(path)}")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: is empty (0 bytes); copy or download it again")
    try:
        container = av.open(file_url(path), metadata_errors="replace")
    except (av.error.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: not a video, or truncated or damaged beyond reading ({reason})") from None
    with container:
        if name := _still_format(container):
            if reason := animation_obstacle(path):
                raise UserError(f"{path}: {reason}")
            raise UserError(f"{path}: is an image or a text file ({name}), not a video")
        yield container


def file_url(path: Path) -> str:
    """Return the name under which FFmpeg opens exactly this file, whatever characters its name holds.

    FFmpeg reads "10:30.mp4", "pipe:0" and "concat:a|b" as protocols; behind "file:" everything is a file name.
    """
    return f"file:{path}"


def _still_format(container: InputContainer) -> str:
    """Return the format of an image or a text; "" for a video."""
    name = container.format.name
    brand = container.metadata.get("major_brand", "")
    if brand in IMAGE_BRANDS:
        return brand
    return name if name.endswith("_pipe") or not NOT_A_VIDEO.isdisjoint(name.split(",")) else ""


def animation_obstacle(path: Path) -> str:
    """Say what to do with an animation that FFmpeg reads as an image; "" for other files. Raises `OSError`."""
    with path.open("rb") as file:
        head = file.read(21)
    is_animated = head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and len(head) == 21 and head[20] & 2
    if not is_animated:
        return ""
    convert = "from PIL import Image; Image.open('FILE').save('animation.apng', save_all=True)"
    return f'is an animated WebP, which FFmpeg does not read; convert it first: python -c "{convert}"'


def _no_file(path: Path) -> str:
    if path.is_dir():
        return "is a folder, not a video"
    if path.is_symlink() and not path.exists():
        return f"is a link to {path.readlink()}, which does not exist"
    return "is not a regular file (a device or a pipe)" if path.exists() else "no such file"


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """Select the main video track and limit its decoder threads, since each thread holds whole frames.

    A track of an image codec is the main one only if there is no other: it is a cover or a title image.

    Raises:
        UserError: the file has no video track (a song's cover image does not count), or no decoder can read it.
    """
    tracks = video_tracks(container)
    if not tracks:
        content = "sound only" if container.streams.audio else f"format {container.format.name}"
        raise UserError(f"{path}: has no video track ({content})")
    # FFmpeg's choice of several tracks, unless that is a cover image
    best = container.streams.best("video")
    stream = next((track for track in tracks if best is not None and track.index == best.index), tracks[0])
    if stream.codec_context is None or not stream.codec_context.width:
        raise UserError(f"{path}: its video track cannot be decoded; convert it to H.264 first")
    stream.codec_context.thread_count = 2
    # otherwise FFmpeg rounds cropping at the left down to a multiple of 32 pixels
    stream.codec_context.flags |= Flags.unaligned
    return stream


def video_tracks(container: InputContainer) -> list[VideoStream]:
    """List the video tracks without cover images; those of image codecs only if there are no others."""
    tracks = [stream for stream in container.streams.video if not stream.disposition & stream.disposition.attached_pic]
    films = [track for track in tracks if track.codec_context is None or track.codec_context.name not in IMAGE_CODECS]
    return films or tracks


def sound_stream(container: InputContainer, track: int | None = None) -> AudioStream | None:
    """Select a sound track by number, from 0 as in FFmpeg's `a:N`; None = the default one, as players choose it.

    Of a broadcast with several programs it is one of the program of the video. Returns None if the file has no sound
    that can be decoded; raises `UserError` if it has no track of that number.
    """
    tracks = list(container.streams.audio)
    if track is None:
        usable = [stream for stream in tracks if stream.codec_context is not None]
        return min(_of_same_program(container, usable), key=_preference, default=None)
    if not 0 <= track < len(tracks) or tracks[track].codec_context is None:
        numbers = ", ".join(map(_describe_track, range(len(tracks)), tracks)) or "none"
        path = container.name.removeprefix(file_url(Path()).removesuffix("."))
        raise UserError(f"{path}: --audio-track {track}: there is no such sound track; there are {numbers}")
    return tracks[track]


def _of_same_program(container: InputContainer, tracks: list[AudioStream]) -> list[AudioStream]:
    """Leave out sound tracks of other programs of a broadcast, such as radio; all if there are no programs."""
    best = container.streams.best
    main = best("audio", related=best("video"))  # related streams are those of one program
    return [track for track in tracks if best("audio", related=track) == main] or tracks


def _preference(stream: AudioStream) -> tuple[bool, bool, int]:
    """Return a key by which the best track is the smallest: marked as default, for everybody, the first."""
    flags = stream.disposition
    special = flags.hearing_impaired | flags.visual_impaired | flags.comment | flags.karaoke
    return not flags & flags.default, bool(flags & special), stream.index


def _describe_track(number: int, stream: AudioStream) -> str:
    codec = stream.codec_context.name if stream.codec_context is not None else "unknown codec"
    return f"{number} ({', '.join(filter(None, (codec, stream.language)))})"


def layout_of(context: AudioCodecContext | AudioFrame) -> AudioLayout:
    """Return the channel layout of a track or a frame.

    A layout of custom order ("7 channels (FL+FR+...)", QuickTime has them) is never freed, because PyAV 18 frees its
    map although the track or the frame owns it, which ends the process.
    """
    layout: AudioLayout = context.layout
    if "(" in layout.name:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(layout))
    return layout


def packets(
    container: InputContainer,
    streams: Sequence[Stream],
    clock: Clock = PLAIN,
) -> Iterator["Packet[Stream]"]:
    """Yield the packets of the streams in file order; a damaged end of file ends the iteration without an error.

    The time stamps are those of a continuous clock, see `avseg.media.clock`.
    """
    with suppress(av.error.FFmpegError, EOFError, IndexError):
        yield from clock.apply(_demux(container, streams))
        return
    # the demuxer failed before its flush packets, which make the decoders return the frames they still hold
    for stream in streams:
        yield drain(stream)


def _demux(container: InputContainer, streams: Sequence[Stream]) -> Iterator["Packet[Stream]"]:
    """Yield packets; read on after one of a stream that begins inside of the file, which is an IndexError in PyAV."""
    while True:
        is_end = True
        try:
            for packet in container.demux(*streams):
                is_end = is_end and packet.size == 0
                yield packet
            return
        except IndexError:
            if is_end:
                raise


def images(container: InputContainer, stream: VideoStream, clock: Clock) -> Iterator[VideoFrame]:
    """Decode the frames of a video track; damaged packets are skipped."""
    turning = Turning()
    for packet in packets(container, [stream], clock):
        for image in decode(packet):
            if isinstance(image, VideoFrame):
                yield turning.mark(image)


def decode(packet: "Packet[Stream]") -> list[AudioFrame | VideoFrame]:
    """Decode a packet into frames; a damaged packet yields none."""
    try:
        return decode_strictly(packet)
    except (av.error.FFmpegError, EOFError):
        return []


def decode_strictly(packet: "Packet[Stream]") -> list[AudioFrame | VideoFrame]:
    """Decode a packet into frames; raises FFmpeg's error for a damaged one, and `EOFError` at the end."""
    frames: list[AudioFrame | VideoFrame] = []
    for frame in packet.decode():
        if isinstance(frame, AudioFrame):
            layout_of(frame)
            frames.append(frame)
        elif isinstance(frame, VideoFrame):
            frames.append(frame)
    return frames
