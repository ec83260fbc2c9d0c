"""The webhook endpoint: the HTTP server that receives HipChat's deliveries for the spool."""
