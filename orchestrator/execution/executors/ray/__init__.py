"""Execution on Ray: an embedded one, or a cluster."""
