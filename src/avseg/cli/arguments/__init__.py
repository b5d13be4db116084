"""The arguments of every verb, in modules that import nothing heavy, so that `--help` answers at once."""
