"""How a microscope makes an image out of geometry: pure functions, in physical units."""
