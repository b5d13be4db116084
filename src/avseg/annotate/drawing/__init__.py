"""Draw the mask of an object in a frame from what a person did there: clicks, boxes, strokes and polygons."""
