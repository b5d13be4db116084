"""The learning rate of CFBI's training, by which the reconstruction of SST is trained."""


def rate_factor(progress: float, warm_up: float, power: float) -> float:
    """Compute the factor of the learning rate where `progress`, 0 to 1, of the training is done.

    It rises linearly over the share `warm_up`, from a hundredth of that share, then falls by a polynomial of `power`.
    """
    if progress < warm_up:
        return max(progress / warm_up, 0.01)
    return float(max(1 - (progress - warm_up) / (1 - warm_up), 0.0) ** power)
