"""Compares the pack with its alternatives: on one machine, in one run, in alternating rounds."""
