"""The pack as a HipChat add-on: its descriptor and its installation."""
