"""The pack's config, read and checked."""
