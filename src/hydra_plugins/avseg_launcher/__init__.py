"""`hydra/launcher=isolated`: each job of a sweep in a fresh process. Hydra finds launchers only in this namespace."""
