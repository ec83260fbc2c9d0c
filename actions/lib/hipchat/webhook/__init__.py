"""The signed URLs that the pack gives to HipChat for its webhooks and add-on callbacks."""
