"""Start the node: ``ros2 launch ros2_rose rose.launch.py image:=/camera/image_raw``."""

from __future__ import annotations

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import LifecycleNode
from launch_ros.substitutions import FindPackageShare

# Fast DDS 2 (Jazzy) reads the first one, Fast DDS 3 (Kilted) the second one.
PROFILE_VARIABLES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')

RESPAWN_DELAY_S = 1.0  # a node that ends at once, for a wrong parameter, shall not fill the log


def generate_launch_description() -> LaunchDescription:
    """The arguments, and the node, which configures and activates itself (``autostart``)."""
    config = PathJoinSubstitution([FindPackageShare('ros2_rose'), 'config'])
    return LaunchDescription(
        [
            DeclareLaunchArgument('namespace', default_value='', description='Before all names.'),
            DeclareLaunchArgument(
                'image', default_value='image_raw', description='Topic of the raw image.'
            ),
            DeclareLaunchArgument(
                'params_file',
                default_value=PathJoinSubstitution([config, 'rose.yaml']),
                description='All parameters, with their meanings.',
            ),
            DeclareLaunchArgument(
                'use_sim_time', default_value='false', description='Take the time from /clock.'
            ),
            DeclareLaunchArgument(
                'log_level', default_value='info', description='debug, info, warn or error.'
            ),
            DeclareLaunchArgument(
                'large_images',
                default_value='false',
                description='Give Fast DDS 128 MiB of shared memory; the cameras need it, too.',
            ),
            DeclareLaunchArgument(
                'respawn',
                default_value='true',
                description='Start the node again when its process ends.',
            ),
            *(
                SetEnvironmentVariable(
                    name,
                    PathJoinSubstitution([config, 'fastdds_large.xml']),
                    condition=IfCondition(LaunchConfiguration('large_images')),
                )
                for name in PROFILE_VARIABLES
            ),
            LifecycleNode(
                package='ros2_rose',
                executable='rose_node',
                name='rose',
                namespace=LaunchConfiguration('namespace'),
                parameters=[
                    LaunchConfiguration('params_file'),
                    {'use_sim_time': LaunchConfiguration('use_sim_time')},
                ],
                remappings=[('image_raw', LaunchConfiguration('image'))],
                arguments=['--ros-args', '--log-level', LaunchConfiguration('log_level')],
                output='screen',
                respawn=LaunchConfiguration('respawn'),
                respawn_delay=RESPAWN_DELAY_S,
            ),
        ]
    )
