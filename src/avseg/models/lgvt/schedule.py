"""The learning rate of LGVT's published training."""


def rate_factor(epoch: int, full_rate_epochs: int | None = 20) -> float:
    """Compute the factor of the learning rate in an epoch, counted from 0.

    The published code decays twice: by a half every 20 epochs, and by a half after every epoch from the 20th on. In the
    30 published epochs the first happens once.
    """
    if full_rate_epochs is None or epoch < full_rate_epochs:
        return 1.0
    return float(0.5 ** (epoch // full_rate_epochs + epoch - full_rate_epochs + 1))
