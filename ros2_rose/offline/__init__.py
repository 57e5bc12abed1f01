"""``rose bag``: every image of a recording, segmented without ROS."""
