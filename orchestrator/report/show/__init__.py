"""Labels drawn over images: of one run, or of many as a contact sheet."""
