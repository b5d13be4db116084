"""How to obtain each data set, its licence, where to put it, and what checks it: the text of `avseg data help`."""

from dataclasses import dataclass

from avseg.utils.errors import UserError, nearest


@dataclass(frozen=True)
class Source:
    """A data set.

    Attributes:
        name: as `avseg data help` knows it.
        title: its own name, and what it is.
        holds: how much of what.
        obtain: steps, in order.
        licence: what may be done with it.
        place: the folder that the configuration expects.
        files: what lies there.
        check: the command that tells whether it is complete.
        use: the option that trains on it.
    """

    name: str
    title: str
    holds: str
    obtain: tuple[str, ...]
    licence: str
    place: str
    files: tuple[str, ...]
    check: str
    use: str


_AVSBENCH = (
    "CC BY-NC 4.0 (project page: no commercial use); the videos belong to their YouTube authors; the code is Apache-2.0"
)
_FORM = "fill in the authors' form, http://www.avlbench.opennlplab.cn/download; a link comes by e-mail"
_RAW = "raw videos instead of frames: `avseg data prepare` makes frames, wav and log-mel of them"

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source(
            "s4",
            "AVSBench-object, Single-source (S4; ECCV 2022)",
            "4,932 clips of 5 s in 23 categories: 3,452 / 740 / 740",
            (_FORM, "ask for AVSBench-object and unpack its Single-source part", _RAW),
            _AVSBENCH,
            "data/AVSBench/Single-source",
            ("s4_meta_data.csv", "s4_data/{visual_frames,gt_masks,audio_wav,audio_log_mel}/..."),
            "avseg data check data/AVSBench/Single-source --setting s4",
            "data=avsbench_s4",
        ),
        Source(
            "ms3",
            "AVSBench-object, Multi-sources (MS3; ECCV 2022)",
            "424 clips of 5 s: 296 / 64 / 64",
            (_FORM, "ask for AVSBench-object and unpack its Multi-sources part", _RAW),
            _AVSBENCH,
            "data/AVSBench/Multi-sources",
            ("ms3_meta_data.csv", "ms3_data/{visual_frames,gt_masks,audio_wav,audio_log_mel}/..."),
            "avseg data check data/AVSBench/Multi-sources --setting ms3",
            "data=avsbench_ms3",
        ),
        Source(
            "avss",
            "AVSBench-semantic (AVSS; arXiv 2301.13190)",
            "clips of 5 s (v1s, v1m) and 10 s (v2), 70 classes and background",
            (_FORM, "ask for AVSBench-semantic"),
            _AVSBENCH,
            "data/AVSBench/Semantic",
            ("metadata.csv", "label2idx.json", "{v1s,v1m,v2}/{uid}/{frames,labels_rgb}/..., audio.wav"),
            "avseg data check data/AVSBench/Semantic --setting avss",
            "data=avss",
        ),
        Source(
            "lu_avs",
            "LU-AVS, long untrimmed videos (CVPR 2024)",
            "6,627 videos with masks of 78 labels, 630 with boxes alone (88 labels); about a tenth was never released",
            (
                "download `Yenan/LU-AVS` from Hugging Face (56 GB packed), or from Baidu: https://yenanliu.github.io/LU-AVS",
                "unpack the four archives below one folder, as they are, beside the six json files",
            ),
            "CC BY-NC 4.0 on the project page, CC BY 4.0 on Hugging Face: take it as not for commercial use",
            "data/LU-AVS",
            ("seg_{train,val,test}.json, bbox_segs_{train,val,test}.json", "videos and segment folders, up to 4 deep"),
            "avseg data check data/LU-AVS --setting lu_avs",
            "data=lu_avs",
        ),
        Source(
            "unav100",
            "UnAV-100, audible events in untrimmed videos (CVPR 2023): for the audio branch alone, it has no masks",
            "about 10,800 videos, 100 classes, segments in seconds",
            (
                "unav100_annotations.json: https://unav100.github.io, or `ttgeng233/UnAV-100` on Hugging Face",
                "videos: by the links given there; those that YouTube took down are gone",
            ),
            "code and annotations MIT; the videos belong to their YouTube authors",
            "data/UnAV-100",
            ("unav100_annotations.json", "videos, up to 4 folders deep"),
            "avseg data check data/UnAV-100 --setting lu_avs",
            "data=lu_avs data.root=data/UnAV-100",
        ),
        Source(
            "toy",
            "toy sets: coloured shapes that sound, in the layout of s4, ms3, avss or lu_avs",
            "as many clips as you like, in seconds",
            ("avseg data toy --setting ms3 --out data/toy_ms3",),
            "made by this package; free to use",
            "data/toy_ms3",
            ("the files of the setting, events.csv, oracle.json, generator.json",),
            "avseg data check data/toy_ms3",
            "data=toy_ms3",
        ),
        Source(
            "cutouts",
            "real cut-outs with real sounds (Tux Paint's stamps), to compose clips of",
            "about 75 pictures with recordings (160 MB)",
            (
                "avseg data cutouts --out data/cutouts (needs apt-get, or the package file: --deb)",
                "avseg data compose --cutouts data/cutouts --setting ms3 --out data/cutouts_ms3",
            ),
            "GPL-2 (Bill Kendrick and contributors): what is composed of them is under it, too",
            "data/cutouts_ms3",
            ("the files of the setting, events.csv, oracle.json, generator.json",),
            "avseg data check data/cutouts_ms3",
            "data=cutouts_ms3",
        ),
    )
}


def find_source(name: str) -> Source:
    """The data set of a name.

    Args:
        name: in any case; `-` and spaces stand for `_`.

    Raises:
        UserError: unknown.
    """
    plain = name.lower().replace("-", "_").replace(" ", "_").removeprefix("avsbench_")
    if plain not in SOURCES:
        raise UserError(f"data set '{name}' is unknown; allowed: {', '.join(SOURCES)}{nearest(plain, SOURCES)}")
    return SOURCES[plain]
