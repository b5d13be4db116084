"""Check that a data set is complete and valid, and compute its statistics."""
