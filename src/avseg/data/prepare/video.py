"""Prepare one raw video: write its clips' frames, sound and log-mel patches to a folder."""

from collections.abc import Iterator
from math import ceil
from pathlib import Path

from avseg.data.avsbench.layout import Layout
from avseg.data.prepare.frame_times import clip_frames
from avseg.data.prepare.images import FrameDecoder, write_frames
from avseg.data.prepare.options import Options
from avseg.data.prepare.raw_videos import RawVideo
from avseg.data.prepare.result import Outcome
from avseg.data.prepare.sound import clip_waveforms, count_damaged_packets, sound_end, write_sound
from avseg.data.setting import ClipEntry
from avseg.media.frame_index import FrameIndex, frame_index
from avseg.media.video import GAP, Video
from avseg.utils.errors import UserError

_TOLERANCE = 0.1  # seconds; files cut at whole seconds are often longer by a few frames
_MIN_REST = 0.5  # seconds; a shorter rest after the last clip does not become a clip
_MAX_LISTED = 5  # frame numbers in a note


def prepare_video(source: RawVideo, options: Options, folder: Path) -> Outcome:
    """Write a video's clips in the official layout below a folder; raises `UserError` if that is impossible."""
    if source.path is None:
        raise UserError(f"{source.file} is missing; no raw video of this clip was found")
    if source.problem:
        raise UserError(f"{source.path}: {source.problem}")
    index = frame_index(source.path, options.audio_track)
    video = index.video
    if video.missing and not options.allow_damaged:
        raise UserError(f"{source.path}: is truncated: {video.missing:.1f} s are missing after {video.duration:.1f} s")
    clips = _clips(source, video, options)
    layout = options.layout(folder)
    decoder = FrameDecoder(video, strict=not options.allow_damaged)
    write_frames(decoder, _paths_by_frame(index, clips, layout, options), options.size)
    notes = _frame_notes(video, clips, options)
    notes.update(_write_sounds(video, clips, layout, options))
    if decoder.damaged or decoder.replaced:
        text = f"{decoder.damaged} packets cannot be decoded"
        if decoder.replaced:
            text += f", frames {_format_numbers(decoder.replaced)} replaced by the frames before"
        notes["damaged picture"] = text
    return Outcome(source.file, "", tuple(clip.name for clip in clips), notes, _facts(video))


def _clips(source: RawVideo, video: Video, options: Options) -> list[ClipEntry]:
    if not options.own:  # a raw video of AVSBench is one clip
        return [source.entry]
    seconds = options.clip_seconds
    count = max(ceil((video.duration - _MIN_REST) / seconds), 1)
    clips: list[ClipEntry] = []
    for begin in range(0, count * seconds, seconds):
        clips.append(ClipEntry(f"{source.entry.name}_{begin:06d}", "", source.entry.split, start=begin))
    return clips


def _paths_by_frame(
    index: FrameIndex, clips: list[ClipEntry], layout: Layout, options: Options
) -> dict[int, list[Path]]:
    """Return for each frame number the files that show it."""
    paths: dict[int, list[Path]] = {}
    seconds = options.clip_seconds
    for position, clip in enumerate(clips):
        numbers = clip_frames(index, position * seconds, seconds, options.rule, cut=options.own)
        for number, path in zip(numbers, _frame_paths(layout, clip, seconds), strict=True):
            paths.setdefault(number, []).append(path)  # a frame repeats where the video is short
    return paths


def _frame_paths(layout: Layout, clip: ClipEntry, count: int) -> Iterator[Path]:
    """Yield the layout's five frame files, then further ones with continued numbers."""
    official = layout.frames(clip)
    yield from official[:count]
    prefix = official[0].name.removesuffix("1.png")
    for number in range(len(official) + 1, count + 1):
        yield official[0].with_name(f"{prefix}{number}.png")


def _write_sounds(video: Video, clips: list[ClipEntry], layout: Layout, options: Options) -> dict[str, str]:
    """Write the sound of the clips; return notes about missing sound."""
    seconds = options.clip_seconds
    end = sound_end(video)
    damaged = count_damaged_packets(video)
    if damaged and not options.allow_damaged:
        raise UserError(f"{video.path}: its sound is damaged ({damaged} packets cannot be decoded)")
    try:
        _write_waveforms(video, clips, layout, seconds, end, silent=False)
    except UserError:  # no packet of the sound can be decoded
        if not options.allow_damaged:
            raise UserError(f"{video.path}: its sound cannot be decoded") from None
        _write_waveforms(video, clips, layout, seconds, end, silent=True)
        return {"no sound": "it cannot be decoded; replaced by silence"}
    if video.sound is None:
        return {"no sound": "replaced by silence"}
    notes: dict[str, str] = {}
    if damaged:
        notes["damaged sound"] = f"{damaged} packets cannot be decoded; replaced by silence"
    expected = min(video.duration, len(clips) * seconds) if options.own else seconds
    if end < expected - GAP:
        notes["short sound"] = f"{end:.2f} of {expected:.2f} s; its last log-mel patch repeats where it ends"
    return notes


def _write_waveforms(
    video: Video, clips: list[ClipEntry], layout: Layout, seconds: int, end: float, *, silent: bool
) -> None:
    for clip, waveform in zip(clips, clip_waveforms(video, end, len(clips), seconds, silent=silent), strict=True):
        write_sound(layout.wav(clip), layout.log_mel(clip), waveform, seconds)


def _frame_notes(video: Video, clips: list[ClipEntry], options: Options) -> dict[str, str]:
    """Return notes about irregular frames."""
    notes: dict[str, str] = {}
    if not video.constant_rate:
        notes["variable frame rate"] = f"{video.frame_rate:.3f} frames per second on average"
    if video.rotation:
        notes["rotated"] = f"by {video.rotation} degrees; undone"
    if video.view.mirrored:
        notes["mirrored"] = "undone"
    if any(video.view.crop):
        notes["cropped"] = f"to {video.width}x{video.height}, as the container requests"
    if video.breaks:
        notes["joined or interrupted"] = "; ".join(map(str, video.breaks[:_MAX_LISTED]))
    if video.height % 2 or video.width % 2:
        notes["odd size"] = f"{video.width}x{video.height}"
    if video.missing:
        notes["truncated"] = f"{video.missing:.1f} s are missing after {video.duration:.1f} s"
    expected = len(clips) * options.clip_seconds
    if video.seconds < expected:
        notes["short picture"] = f"{video.duration:.2f} of {expected} s; the last frame repeats"
    elif video.duration > expected + _TOLERANCE:  # AVSBench, or a rest that is too short for a clip
        notes["rest left out"] = f"{video.duration:.2f} s; the first {expected} s are used"
    return notes


def _facts(video: Video) -> dict[str, object]:
    sound = video.sound
    return {
        "container": video.container,
        "codec": video.codec,
        "width": video.width,
        "height": video.height,
        "frames": len(video.times),
        "frame_rate": round(video.frame_rate, 4),
        "seconds": round(video.duration, 3),
        "sound": None if sound is None else {"codec": sound.codec, "rate": sound.rate, "layout": sound.layout},
    }


def _format_numbers(numbers: list[int]) -> str:
    text = ", ".join(map(str, numbers[:_MAX_LISTED]))
    return text if len(numbers) <= _MAX_LISTED else f"{text} and {len(numbers) - _MAX_LISTED} more"
