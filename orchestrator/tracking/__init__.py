"""What follows the data set elsewhere: MLflow."""
