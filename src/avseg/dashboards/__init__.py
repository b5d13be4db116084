"""Dashboards as code: the wandb workspace that shows the runs of a project."""
