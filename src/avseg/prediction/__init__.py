"""Predictions of videos: producers turn a video into a stream of scored frames, one writer saves it."""
