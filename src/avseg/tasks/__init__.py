"""LightningModules and the runs around them."""
