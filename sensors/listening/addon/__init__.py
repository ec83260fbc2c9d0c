"""The pack as a HipChat add-on: how it is offered, installed, believed and heard. No StackStorm."""
