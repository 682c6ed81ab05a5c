"""The scene executes one recipe; it knows Blender and nothing of Ray, MLflow or Parquet."""
