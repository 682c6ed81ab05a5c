"""Prototypes of users: files in a library folder, and what recipes may set in them."""
