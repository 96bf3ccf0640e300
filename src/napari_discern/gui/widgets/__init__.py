"""Widgets that several panels are made of; they know nothing of what is worked on."""
