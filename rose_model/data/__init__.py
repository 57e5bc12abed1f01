"""Samples and the data sets that make them."""
