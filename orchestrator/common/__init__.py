"""What every room speaks of: URIs, secrets, names, commands to paste, signals."""
