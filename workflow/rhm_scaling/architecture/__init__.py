"""What every architecture says of itself, read from its file without PyTorch."""
