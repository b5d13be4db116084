"""Parts that the models of sound source localisation share: scores of a map, frames of a training step."""
