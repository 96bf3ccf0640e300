"""The panel Train: from lessons to a model of one's own."""
