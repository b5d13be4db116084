"""Arguments of `avseg predict`."""

from pathlib import Path

from avseg.cli.arguments.parser import Commands, add_verb
from avseg.cli.arguments.shards import SHARD_EPILOG, add_shards

_EPILOG = """\
examples:
  avseg predict holiday.mp4 --model avsegformer_pvt_ms3     published weights, fetched once; `avseg weights` lists them
  avseg predict videos/ --out masks --model outputs/demo/RUN/seed=123 --every-frame

writes for each video, in DIR/NAME/:
  overlay.mp4      the video with the sounding objects marked: same sound, size, frame times
  masks/000000.png one mask for each second (with --every-frame: for each frame), 255 = sounding
  scores.json      the video's properties, and for each second: frame, mean probability, mask share, sound level
Each second is scored by one frame (AVSBench's choice: near its end); its other frames show the same mask. The sound is
that of whole clips, as in the evaluation. --every-frame scores each frame. A partial last second counts as a second.
In a folder every file that may be a video is opened, whatever its ending; the others are listed with their reasons.
Exit code 2: at least one video failed; the others are written.

with a model of several classes (AVSS), whose pixels are of the most probable class:
  overlay.mp4      each class in its colour of the release, its name at each object; a legend with probabilities
  masks/000000.png in the colours of the release (its labels_rgb)
  legend.png       the classes of the video, and the seconds in which each sounds
  scores.json      also for each second: the classes, with the mean probability and the share of their pixels

with a run on long videos (LU-AVS: the strong baseline, one of its branches, or the AVS model's adaptation):
  overlay.mp4      each class in its own colour with its name, as a tint or a box; "♪ NAME": audible, not visible
  timeline.png     the waveform, and when each class is predicted
  segments.json    the same as annotations of LU-AVS: frames of the video, the end excluded
  masks/LABEL/000000.png or boxes.json   the regions in each scored frame; overlay.mp4 holds them until the next one
  scores.json      for each second: sound level, audible classes with their probabilities, predicted classes
Frames are scored at the rate at which the run is evaluated; --rate R or --every-frame score others. --threshold sets
the probability from which a class counts as audible; for a visual branch alone the score from which a region is shown;
for the AVS model, which sees five frames of each second, the probability from which a pixel sounds. --batch N: frames.
--lu-avs adds a folder lu_avs/ in the layout of the data set, with bbox.npy (around masks, too) for each segment;
--save-masks adds masks.npy for each frame to it: H x W bytes per frame and segment.
"""


def add_parser(commands: Commands) -> None:
    """Add the verb."""
    summary = "mark the sounding objects in any video"
    description = "Mark the sounding objects in any video: an overlay video with the original sound, masks, scores."
    parser = add_verb(commands, "predict", summary, description, _EPILOG + SHARD_EPILOG)
    add = parser.add_argument
    add("videos", nargs="+", type=Path, metavar="VIDEO", help="video files, or folders that are searched for them")
    out = "folder of the results, with a folder for each video (default: predictions)"
    add("--out", type=Path, default=Path("predictions"), metavar="DIR", help=out)
    model = "a run, a file, published weights or hf:owner/name (default: newest complete run)"
    add("--model", "--checkpoint", dest="checkpoint", metavar="MODEL", help=model)
    add("--every-frame", action="store_true", help="score every frame, not one for each second")
    add("--threshold", type=float, metavar="P", help="probability that counts as sounding (default: 0.5, or the run's)")
    add("--batch", type=int, metavar="N", help="clips per forward pass (default: 1, on a GPU 8); more need more memory")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps, ... (default: auto)")
    add("--silence", action="store_true", help="also predict videos without a sound track, as if they were silent")
    add(
        "--audio-track",
        type=int,
        metavar="N",
        help="of several sound tracks the N-th, from 0 (default: the default one)",
    )
    add("--allow-truncated", action="store_true", help="predict what is left of files that end too early")
    add("--overwrite", action="store_true", help="predict again where results exist")
    add("--json", type=Path, metavar="FILE", help="write counts, notes or the failure of each video")
    group = add_shards(parser, "default: DIR/.shards")
    group.add_argument("--ray-gpus", type=float, default=0, metavar="G", help="GPUs of each video; 0.5: two share one")
    long = parser.add_argument_group("with a run on long videos (LU-AVS)")
    long.add_argument("--rate", type=float, metavar="R", help="frames per second to score (default: the run's)")
    long.add_argument("--lu-avs", action="store_true", help="also write a folder in the layout of LU-AVS")
    long.add_argument("--save-masks", action="store_true", help="with the masks of every frame in it; large")
