"""Where a data set lies: a local folder or an object store, and the claim on it."""
