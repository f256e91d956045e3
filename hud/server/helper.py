"""A path of the original that holds nothing."""
