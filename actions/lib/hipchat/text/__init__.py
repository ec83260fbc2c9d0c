"""Makes text from chat and from HipChat safe to use: templates, secrets, JSON, URLs, patterns."""
