"""What napari's layers say and take."""
