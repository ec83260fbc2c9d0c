"""Backfills missed messages from HipChat's history, and polls rooms without webhooks."""
