"""Creates and deletes webhooks in HipChat, so that HipChat posts the events that rules need."""
