"""What `hipchat.check` looks at."""
