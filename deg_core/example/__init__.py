"""The example: a rendered animal in an arena, with labels known by construction."""
