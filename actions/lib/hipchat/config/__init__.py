"""Reads and checks the pack's config, which is described in config.schema.yaml."""
