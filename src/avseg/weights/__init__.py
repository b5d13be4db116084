"""Published weights by name: a registry of files, their download into the cache folder, and checks before use.

Importing the registry imports no torch.
"""
