"""What ROSE is asked, in words."""
