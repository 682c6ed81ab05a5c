"""Feature generation steps of the synth chain."""
