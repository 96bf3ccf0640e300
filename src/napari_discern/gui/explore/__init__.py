"""The panel Explore: the embedding to look at, and objects grown by a click."""
