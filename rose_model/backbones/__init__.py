"""The pretrained parts of ROSE, as their publishers define them."""
