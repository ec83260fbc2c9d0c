"""HipChat's API v2, one module for each kind of resource."""

from sandbox.hipchat_server.api import (
    capabilities, emoticons, extension_webhooks, glances, history, members, messages, oauth,
    private_messages, rooms, shares, users, webhooks)

BLUEPRINTS = [module.blueprint for module in (
    capabilities, emoticons, extension_webhooks, glances, history, members, messages, oauth,
    private_messages, rooms, shares, users, webhooks)]
