"""Weights with the names of CFBI and of the released attention, which the reconstruction keeps.

No weights of SST were published. The attention's position embeddings, which its released kernels do not take, are
dropped.
"""

import re
from collections.abc import Mapping

from torch import Tensor

from avseg.models.sst.network import SSTReconstruction
from avseg.nn.state_dict import load_exactly, without_parallel_prefix

_DROPPED = re.compile(r".*attnweight\.[xyt]_embeddings|.*num_batches_tracked")


def load_official(network: SSTReconstruction, state_dict: Mapping[str, Tensor]) -> None:
    """Load a state dict with the names of CFBI (`feature_extracter`, `decoder`) and of the attention (`layers`).

    Raises:
        UserError: lists what is missing, unexpected or of another shape; the network is left unchanged.
    """
    weights: dict[str, Tensor] = {}
    for name, tensor in without_parallel_prefix(state_dict).items():
        if not _DROPPED.fullmatch(name):
            weights[name] = tensor
    load_exactly(
        network,
        weights,
        subject="sst_reconstruction",
        advice="give weights of a network of the same backbone and widths",
    )


def to_official(network: SSTReconstruction) -> dict[str, Tensor]:
    """Return copies of the weights under the same names."""
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
