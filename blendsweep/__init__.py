"""The front door of Blendsweep."""
