"""Reads and checks the pack's config."""
