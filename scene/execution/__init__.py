"""Executes one recipe: walks its steps and puts on record what they did."""
