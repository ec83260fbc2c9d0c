"""Stores deliveries on disk until StackStorm has accepted them."""
from listening.spool.delivery import Delivery, SpoolError, SpoolFull, StoredDelivery
from listening.spool.spool import Spool, SpoolLimits

__all__ = ["Delivery", "Spool", "SpoolError", "SpoolFull", "SpoolLimits", "StoredDelivery"]
