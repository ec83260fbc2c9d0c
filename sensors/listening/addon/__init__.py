"""Installs the pack as a HipChat add-on."""
