"""The words recipes are written in: YAML, field types, and sentences for what is wrong."""
