"""A folder of annotated videos as one data set: its classes, its splits, its export, its annotators."""
