"""Prepares one raw video: its clips' pictures, sound and log-mel patches, in a folder of its own."""

from collections.abc import Iterator
from math import ceil
from pathlib import Path

from avseg.data.avsbench.layout import ClipEntry, Layout
from avseg.data.prepare.frame_times import clip_frames
from avseg.data.prepare.images import PictureDecoder, write_pictures
from avseg.data.prepare.options import Options
from avseg.data.prepare.result import Outcome
from avseg.data.prepare.sound import clip_waves, damaged_sound, sound_end, write_sound
from avseg.data.prepare.sources import Source
from avseg.media.frame_index import FrameIndex, frame_index
from avseg.media.video import GAP, Video
from avseg.utils.errors import UserError

_SLACK = 0.1  # seconds; files that are cut at a whole second are often longer by a few frames
_REST = 0.5  # seconds; what a video is longer than its clips by, if less, makes no clip of its own


def prepare_video(source: Source, options: Options, folder: Path) -> Outcome:
    """Writes a video's clips in the official layout below a folder; nothing else happens there.

    Args:
        source: the video.
        options: see `Options`.
        folder: stands for the root of the data set.

    Raises:
        UserError: the video cannot be prepared, in one line that says why.
    """
    if source.path is None:
        raise UserError(f"{source.file} is missing; no raw video of this clip was found")
    index = frame_index(source.path)
    video = index.video
    if video.missing and not options.allow_damaged:
        raise UserError(f"{source.path}: is truncated: {video.missing:.1f} s are missing after {video.duration:.1f} s")
    clips = _clips(source, video, options)
    layout = options.layout(folder)
    decoder = PictureDecoder(video, strict=not options.allow_damaged)
    write_pictures(decoder, _places(index, clips, layout, options), options.size)
    notes = _notes(video, clips, options)
    notes.update(_write_sounds(video, clips, layout, options))
    if decoder.damaged or decoder.replaced:
        replaced = f", frames {_some(decoder.replaced)} replaced by the ones before" if decoder.replaced else ""
        notes["damaged picture"] = f"{decoder.damaged} packets cannot be decoded{replaced}"
    return Outcome(source.file, "", tuple(clip.name for clip in clips), notes, _facts(video))


def _clips(source: Source, video: Video, options: Options) -> list[ClipEntry]:
    if not options.own:
        return [source.entry]
    entry, seconds = source.entry, options.clip_seconds
    count = max(ceil((video.duration - _REST) / seconds), 1)
    begins = range(0, count * seconds, seconds)
    return [ClipEntry(f"{entry.name}_{begin:06d}", "", entry.split, start=begin) for begin in begins]


def _places(index: FrameIndex, clips: list[ClipEntry], layout: Layout, options: Options) -> dict[int, list[Path]]:
    """For each frame number the files that show it."""
    places: dict[int, list[Path]] = {}
    count = options.clip_seconds
    for place, clip in enumerate(clips):
        numbers = clip_frames(index, place * count, count, options.rule, cut=options.own)
        for number, path in zip(numbers, _paths(layout, clip, count), strict=True):
            places.setdefault(number, []).append(path)
    return places


def _paths(layout: Layout, clip: ClipEntry, count: int) -> Iterator[Path]:
    """The layout's files, and beyond its five ones numbered on."""
    official = layout.frames(clip)
    yield from official[:count]
    head = official[0].name.removesuffix("1.png")
    yield from (official[0].with_name(f"{head}{number}.png") for number in range(len(official) + 1, count + 1))


def _write_sounds(video: Video, clips: list[ClipEntry], layout: Layout, options: Options) -> dict[str, str]:
    """Writes the clips' sound; says what is missing of it."""
    seconds, end = options.clip_seconds, sound_end(video)
    damaged = damaged_sound(video)
    if damaged and not options.allow_damaged:
        raise UserError(f"{video.path}: its sound is damaged ({damaged} packets cannot be decoded)")
    try:
        _write_waves(video, clips, layout, seconds, end, silent=False)
    except UserError:
        if not options.allow_damaged:
            raise UserError(f"{video.path}: its sound cannot be decoded") from None
        _write_waves(video, clips, layout, seconds, end, silent=True)
        return {"no sound": "what there is cannot be decoded; silence"}
    if video.sound is None:
        return {"no sound": "silence"}
    notes = {"damaged sound": f"{damaged} packets cannot be decoded; silence there"} if damaged else {}
    wanted = seconds if not options.own else min(video.duration, len(clips) * seconds)
    if end < wanted - GAP:
        notes["short sound"] = f"{end:.2f} of {wanted:.2f} s; its last log-mel patch repeats where it ends"
    return notes


def _write_waves(
    video: Video, clips: list[ClipEntry], layout: Layout, seconds: int, end: float, *, silent: bool
) -> None:
    for clip, wave in zip(clips, clip_waves(video, end, len(clips), seconds, silent=silent), strict=True):
        write_sound(layout.wav(clip), layout.log_mel(clip), wave, seconds)


def _notes(video: Video, clips: list[ClipEntry], options: Options) -> dict[str, str]:
    """What had to be handled in the picture."""
    notes = {}
    if not video.constant_rate:
        notes["variable frame rate"] = f"{video.frame_rate:.3f} frames per second on average"
    if video.rotation:
        notes["rotated"] = f"by {video.rotation} degrees; undone"
    if video.height % 2 or video.width % 2:
        notes["odd size"] = f"{video.width}x{video.height}"
    if video.missing:
        notes["truncated"] = f"{video.missing:.1f} s are missing after {video.duration:.1f} s"
    wanted = len(clips) * options.clip_seconds
    if video.seconds < wanted:
        notes["short picture"] = f"{video.duration:.2f} of {wanted} s; the last frame repeats"
    elif video.duration > wanted + _SLACK:
        notes["rest left out"] = f"{video.duration:.2f} s; the first {wanted} s are used"
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


def _some(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:5]))
    return shown + (f" and {len(numbers) - 5} more" if len(numbers) > 5 else "")
