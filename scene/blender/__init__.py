"""Everything that talks to Blender, except for the prototypes."""
