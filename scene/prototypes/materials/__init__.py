"""Material prototypes, one a file."""
