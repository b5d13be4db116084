"""Run a frozen VGGish once on every clip when packing, instead of in every training step."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from avseg.audio.frontend import LogMel
from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.controls import WithControls

EMBEDDING_DIM = LogMel.dim


@dataclass(frozen=True)
class Embedder:
    """A frozen audio encoder."""

    encode: Callable[[Tensor], Tensor]  # maps log-mel patches (B, T, 1, 96, 64) to embeddings (B, T, 128)
    weights: str  # its fingerprint, see `weights_fingerprint`
    # the control noise of these seeds is embedded too, for clips of "val" and "test" (`avseg.data.controls`)
    seeds: tuple[int, ...] = ()

    def __call__(self, patches: Tensor) -> Tensor:
        """Embed (T, 1, 96, 64) as (T, 128) float32, always as one batch of T: equal sounds get equal embeddings."""
        with torch.inference_mode():
            return self.encode(patches.unsqueeze(0))[0].float()


def weights_fingerprint(weights: Mapping[str, Tensor]) -> str:
    """Return 16 hexadecimal digits that identify a set of weights, independent of their file."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        # names, types and shapes too: equal bytes may mean different weights
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().data)
    return digest.hexdigest()[:16]


class EmbeddedSounds:
    """Embeddings of each clip's sound and of its control sounds that are not sounds of other clips."""

    def __init__(self, dataset: AVSBenchDataset, embedder: Embedder) -> None:
        self._dataset = dataset
        self._embedder = embedder
        self._controls: dict[int, WithControls] = {}  # by seed
        if dataset.split != "train":  # training clips have no controls
            for seed in embedder.seeds:
                self._controls[seed] = WithControls(dataset, seed)
        self.seeds = list(self._controls)  # whose noise is embedded
        silence = ["silence"] if self.seeds else []
        self.names = ["embeddings", *silence, *map(noise_array, self.seeds)]  # of the arrays
        self._silence: dict[int, Tensor] = {}  # by number of seconds

    def rows(self, index: int, patches: Tensor) -> dict[str, Tensor]:
        """Return the clip's row (1, T, 128) of each array, from its sound (T, 1, 96, 64) with the padding of AVSS."""
        rows = {"embeddings": self._embedder(patches).unsqueeze(0)}
        seconds = self._dataset.seconds(index)
        for seed, controls in self._controls.items():
            sounds = controls.sounds(index, patches)
            if seconds not in self._silence:  # silence is the same for all clips of a length
                self._silence[seconds] = self._embedder(sounds["silence"]).unsqueeze(0)
            rows["silence"] = self._silence[seconds]
            rows[noise_array(seed)] = self._embedder(sounds["noise"]).unsqueeze(0)
        return rows


def noise_array(seed: int) -> str:
    """Return the name of the array with the noise of a seed."""
    return f"noise-{seed}"
