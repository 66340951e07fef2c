"""What a user does with a project folder: make it, fill it, check it, run it, look at it."""
