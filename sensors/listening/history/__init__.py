"""Reads missed messages from HipChat's history (backfill), and polls rooms without webhooks."""
