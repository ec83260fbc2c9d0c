"""Text from chat and from HipChat, made safe to use."""
