"""The report on a data set: one HTML page and the pictures on it."""
