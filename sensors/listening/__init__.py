"""How the sensor listens: from the socket to the trigger, and HipChat's webhooks. No StackStorm."""
