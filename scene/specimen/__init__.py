"""The specimen: particles and the measurement technique, and what their features are drawn from."""
