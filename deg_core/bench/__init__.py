"""`deg bench`: speed and memory on the user's machine, each beside the plain form of the work."""
