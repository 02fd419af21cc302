"""Programs for people: the command line, bulk work, and the making of the shipped model."""
