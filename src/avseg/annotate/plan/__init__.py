"""Annotation without the web page: a yaml file of steps."""
