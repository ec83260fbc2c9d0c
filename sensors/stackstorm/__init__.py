"""The sensor's side of StackStorm: the only code here that imports st2common."""
