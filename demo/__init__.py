"""The demonstration: camera, node and client over real ROS 2; run as ``python -m demo``."""
