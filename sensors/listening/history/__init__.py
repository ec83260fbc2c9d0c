"""What was said while nobody listened, fetched from the history that HipChat keeps."""
