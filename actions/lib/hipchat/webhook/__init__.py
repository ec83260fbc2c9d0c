"""The signed URLs of webhooks."""
