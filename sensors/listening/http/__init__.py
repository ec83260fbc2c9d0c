"""From the socket to the spool."""
