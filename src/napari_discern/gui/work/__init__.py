"""Work: what runs in a thread, and what the panels of one viewer share."""
