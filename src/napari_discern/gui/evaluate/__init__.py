"""The panel Evaluate: scores, and what holds a model back."""
