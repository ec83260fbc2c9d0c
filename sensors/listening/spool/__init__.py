"""Stores deliveries on disk until StackStorm has accepted them."""
from listening.spool.delivery import Delivery, SpoolError, SpoolFull, StoredDelivery
from listening.spool.spool import Spool

__all__ = ["Delivery", "Spool", "SpoolError", "SpoolFull", "StoredDelivery"]
