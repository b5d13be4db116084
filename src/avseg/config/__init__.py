"""Typed configuration: schema, composition, and the one place that instantiates."""
