"""Executes a sweep; knows Ray, Hydra, MLflow and Parquet, and never imports bpy."""
