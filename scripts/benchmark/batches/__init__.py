"""What is measured of files and batches."""
