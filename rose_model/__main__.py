"""``python -m rose_model``: the command ``rose``, also for ``torchrun -m rose_model``."""

from rose_model.cli.main import app

app()
