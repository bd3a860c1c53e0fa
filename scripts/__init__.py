"""Things that a person runs by hand."""
