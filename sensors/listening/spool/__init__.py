"""Deliveries on disk until StackStorm has them."""
from listening.spool.delivery import Arrival, Delivery, SpoolError, SpoolFull
from listening.spool.directory import earlier_directories, usable_directory
from listening.spool.format import FILE
from listening.spool.spool import Spool

__all__ = ["FILE", "Arrival", "Delivery", "Spool", "SpoolError", "SpoolFull",
           "earlier_directories", "usable_directory"]
