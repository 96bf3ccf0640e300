"""The panel Batch: volumes on disk, larger than memory."""
