"""Measuring a model on images with ground truth."""
