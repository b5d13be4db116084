"""Training and evaluation of any model: trainer, callbacks, checkpoints, signals, wandb."""
