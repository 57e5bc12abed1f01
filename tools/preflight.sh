#!/bin/sh
# Check what the set-up needs before anything is downloaded.
#   tools/preflight.sh FOLDER_OF_THE_ENVIRONMENT
#
# Prints the Python to use and exits with 0, or prints one line for each thing that is missing and
# exits with 1.  PYTHON chooses the interpreter; otherwise the first suitable one on PATH is taken.
# Written for the plainest shell, because a missing Python is one of the things it has to report.

NEEDED_GB=12  # the environment takes 6 GB, the downloads another 4 GB while they are unpacked
environment=$1
faults=0

fault() {
    echo "setup: $*" >&2
    faults=$((faults + 1))
}

# Prints "VERSION HAS_HEADERS CAN_MAKE_VENV PATH" of an interpreter, and nothing if it does not run.
describe_python() {
    "$1" -c '
import os, sys, sysconfig
try:
    import ensurepip, venv
    can_make_venv = "yes"
except ImportError:
    can_make_venv = "no"
has_headers = os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))
print("%d.%d" % sys.version_info[:2], "yes" if has_headers else "no", can_make_venv, sys.executable)
' 2>/dev/null
}

is_supported() {
    case $1 in 3.11 | 3.12 | 3.13) true ;; *) false ;; esac
}

# Prints what describe_python says of the first complete interpreter, else of the first supported.
choose_python() {
    found=''
    for candidate in python3.12 python3.11 python3.13 python3; do
        about=$(describe_python "$candidate")
        is_supported "${about%% *}" || continue
        case $about in *' yes yes '*) found=$about && break ;; esac
        found=${found:-$about}
    done
    echo "$found"
}

check_python() {
    if [ -n "$PYTHON" ]; then about=$(describe_python "$PYTHON"); else about=$(choose_python); fi
    read -r version headers venv python <<END
$about
END
    if [ -n "$PYTHON" ] && ! is_supported "$version"; then
        fault "PYTHON=$PYTHON is ${version:-no Python}, not one of 3.11, 3.12, 3.13; name another one"
        return
    fi
    if ! is_supported "$version"; then
        fault 'no Python 3.11, 3.12 or 3.13 on PATH; install one, or name it with PYTHON=/path/to/it'
        return
    fi
    [ "$headers" = yes ] ||
        fault "$python has no headers (Python.h); for example: apt install python$version-dev"
    [ "$venv" = yes ] ||
        fault "$python cannot make environments; for example: apt install python$version-venv"
}

# check_compiler LANGUAGE FILE_TYPE HEADER COMMAND...
# One of the commands must compile a file of that type that includes that header.
check_compiler() {
    language=$1 file_type=$2 header=$3
    shift 3
    for compiler in "$@"; do
        echo "#include <$header>" | $compiler -x "$file_type" -fsyntax-only - >/dev/null 2>&1 &&
            return
    done
    fault "no working $language compiler ($*); install one, for example: apt install g++"
}

check_disk() {
    [ -e "$environment/.installed" ] && return
    folder=$(dirname "$environment")
    free_gb=$(df -Pk "$folder" | awk 'NR == 2 {print int($4 / 1024 / 1024)}')
    [ "$free_gb" -ge $NEEDED_GB ] ||
        fault "$free_gb GB free in $folder, $NEEDED_GB GB needed; make room and run it again"
}

platform="$(uname -s) $(uname -m)"
[ "$platform" = 'Linux x86_64' ] || 
    fault "this is $platform; the wheels of ROS 2 are for Linux x86_64 only"
check_python
check_compiler C c stdio.h ${CC:-cc gcc clang}
check_compiler C++ c++ string ${CXX:-c++ g++ clang++}
check_disk
[ $faults -eq 0 ] || exit 1
echo "$python"
