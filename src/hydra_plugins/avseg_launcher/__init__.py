"""`hydra/launcher=isolated`: each job of a sweep in a fresh process. Hydra takes launchers from this namespace only."""
