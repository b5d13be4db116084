"""The verbs of the `avseg` command."""
