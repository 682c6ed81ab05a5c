"""The orchestrator executes a sweep; it knows Ray, Hydra, MLflow and Parquet, and never imports bpy."""
