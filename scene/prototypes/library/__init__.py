"""Prototypes of one's own: files in a library folder, and what recipes may set in them."""
