"""A HipChat API v2 server in memory, over real HTTP: for trying the pack and for its tests."""

from sandbox.hipchat_server.command import add_arguments, main

__all__ = ["add_arguments", "main"]
