"""Which runs there are: from a sweep file and the command line to resolved recipes. Pure."""
