"""The recipe: composed, checked and turned into objects."""
