"""Offline training of ROSE."""
