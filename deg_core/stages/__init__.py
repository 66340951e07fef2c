"""One module per rule, of the name of the rule: read, compute, publish."""
