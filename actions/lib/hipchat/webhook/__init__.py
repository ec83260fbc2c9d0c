"""URLs that HipChat posts to, and which webhooks are ours."""
