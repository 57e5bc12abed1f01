#!/bin/sh
# Write requirements/*.lock: the exact version of everything, one file for each ROS 2 distribution.
#   tools/lock.sh FOLDER_FOR_UV [--upgrade]
#
# Versions already locked are kept unless the .in files forbid them or --upgrade is given.  One
# file serves Python 3.11 to 3.13: the resolutions for the oldest and the newest are compared.
set -eu
folder=$1
shift
if [ ! -x "$folder/bin/uv" ]; then
    "${PYTHON:-python3}" -m venv "$folder"
    "$folder/bin/pip" install --quiet uv
fi

# resolve DISTRIBUTION PYTHON_VERSION OUTPUT [--upgrade]
resolve() {
    distro=$1 version=$2 output=$3
    shift 3
    UV_CUSTOM_COMPILE_COMMAND='make lock' "$folder/bin/uv" pip compile --quiet --no-annotate \
        --python-platform x86_64-manylinux_2_28 --python-version "$version" --output-file "$output" "$@" \
        requirements/model.in requirements/distributed.in requirements/onnx.in requirements/quantise.in \
        requirements/ray.in requirements/names.in requirements/dev.in \
        "requirements/ros-$distro.in"
}

for distro in jazzy kilted; do
    resolve "$distro" 3.11 "requirements/$distro.lock" "$@"
    cp "requirements/$distro.lock" "$folder/newest.lock"
    resolve "$distro" 3.13 "$folder/newest.lock"
    cmp "requirements/$distro.lock" "$folder/newest.lock"
done
