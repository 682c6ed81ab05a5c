"""Where attempts are executed: in this process, or on Ray."""
