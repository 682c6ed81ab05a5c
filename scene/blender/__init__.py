"""Everything that talks to Blender, beside the prototypes."""
