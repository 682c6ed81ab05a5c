"""From unlabelled micrographs to the ranges of a recipe, by simulation."""
