"""The energy-based prior of LGVT: p(z) is proportional to exp(-U(z)) N(z; 0, I), with U a small network."""

from torch import Tensor, nn

HIDDEN = 60


class Energy(nn.Module):
    """U(z) of noise vectors."""

    def __init__(self, noise: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(noise, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, 1)
        )

    def forward(self, z: Tensor) -> Tensor:
        """Compute the energies (N, 1) of z (N, noise) or (N, noise, 1, 1)."""
        energy: Tensor = self.layers(z.flatten(1))
        return energy
