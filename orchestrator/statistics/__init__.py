"""Statistics of gray micrographs, without labels: pure functions of arrays, and their readers."""
