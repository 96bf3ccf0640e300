"""The panel Segment: find the objects of an image layer, look them over, correct them."""
