"""Agglomerates: particles that are thrown at each other until they touch, without Blender."""
