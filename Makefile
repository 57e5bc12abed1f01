# make demo, make test: both do all of the set-up themselves; the second run starts within seconds.
# make help lists everything.
#
#   ROS_DISTRO=kilted   another ROS 2 distribution, in an environment of its own
#   PYTHON=python3.13   the interpreter to make the environment with
#   INPUT=...           make demo on a picture folder, a video file or a bag

# A sourced ROS 2 installation sets ROS_DISTRO and the paths below, and would mix with the one in
# the environment.
ifneq ($(origin ROS_DISTRO),command line)
  ROS_DISTRO := jazzy
endif
unexport AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH LD_LIBRARY_PATH PYTHONPATH
unexport _ROS_WHEELS_BOOTSTRAP_COMPLETE

LOCK := requirements/$(ROS_DISTRO).lock
$(if $(wildcard $(LOCK)),,$(error ROS_DISTRO=$(ROS_DISTRO) has no $(LOCK); take jazzy or kilted))

VENV := .venv$(if $(filter-out jazzy,$(ROS_DISTRO)),-$(ROS_DISTRO))
BIN := $(VENV)/bin
BUILD := $(VENV)/build
PIP := $(BIN)/python -m pip --disable-pip-version-check

# The environment is the ament prefix that the messages are built over and installed into.
PREFIX := $(CURDIR)/$(VENV)
IN_PREFIX := PATH="$(PREFIX)/bin:$$PATH" AMENT_PREFIX_PATH="$(PREFIX)" CMAKE_PREFIX_PATH="$(PREFIX)"

# Links to single files are installed, so a file that comes or goes, which changes its folder, asks
# for a new installation.
SOURCE_FOLDERS := $(shell find rose_model ros2_rose launch config -type d -not -name __pycache__)

.PHONY: help setup demo test test-model test-ros bench lint format lock clean distclean

help:
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(VENV)/.linked ## the environment, the messages, the commands rose and rose_node

$(VENV)/.installed: $(LOCK) tools/preflight.sh tools/repair_wheels.py
	@python="$$(PYTHON="$(PYTHON)" tools/preflight.sh $(VENV))" && \
	  { [ -x $(BIN)/python ] || "$$python" -m venv $(VENV); }
	@echo 'setup: installing $(LOCK) into $(VENV): 6 GB, most of it PyTorch; some minutes'
	@$(PIP) install --quiet --no-deps --requirement $(LOCK)
	@$(PIP) check
	@$(BIN)/python tools/repair_wheels.py
	@touch $@

$(VENV)/.built: $(VENV)/.installed CMakeLists.txt package.xml $(wildcard msg/*.msg srv/*.srv)
	@echo 'setup: building the messages'
	@$(IN_PREFIX) cmake -S . -B $(BUILD) -DCMAKE_INSTALL_PREFIX="$(PREFIX)" \
	  -DPython3_EXECUTABLE="$(PREFIX)/bin/python" -DAMENT_CMAKE_SYMLINK_INSTALL=1 \
	  -DBUILD_TESTING=OFF >$(BUILD).log || { cat $(BUILD).log; false; }
	@$(IN_PREFIX) cmake --build $(BUILD) >>$(BUILD).log || { tail -n 40 $(BUILD).log; false; }
	@touch $@

$(VENV)/.linked: $(VENV)/.built $(SOURCE_FOLDERS) tools/console_scripts.py
	@cd $(BUILD) && $(IN_PREFIX) cmake --install . >../install.log
	@$(BIN)/python tools/console_scripts.py
	@touch $@

demo: setup ## a camera, the node and a client over real ROS 2; pictures in demo_output/ [INPUT=...]
	@$(BIN)/python -m demo $(if $(INPUT),--input "$(INPUT)")

test: lint ## everything that must hold; reads real images from ROSE_TEST_DATA if that is set
	@$(BIN)/python -m pytest

test-model: setup ## the tests of rose_model alone
	@$(BIN)/python -m pytest tests/model

test-ros: setup ## the tests of the node over real ROS 2
	@$(BIN)/python -m pytest tests/ros

bench: setup ## how many times faster than what; on an otherwise idle machine
	@$(BIN)/python -m benchmarks.ratios

# The types are those of Jazzy's rclpy; Kilted's has type parameters where Jazzy's has none.
lint: setup ## ruff and mypy
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(if $(filter jazzy,$(ROS_DISTRO)),$(BIN)/mypy)

format: setup ## let ruff lay out and sort what it can
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

lock: ## resolve requirements/*.in into requirements/*.lock
	@PYTHON="$(PYTHON)" tools/lock.sh .venv-lock

clean: ## remove what was built and written, keep the environments
	rm -rf build install log demo_output .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +

distclean: clean ## remove the environments, too
	rm -rf .venv .venv-*
