"""What is asked for, and what a finished recording says of it."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ros2_rose.offline.recording import Recording
from ros2_rose.parameters import ParameterError, RoseParameters, parameters_from
from rose_model.errors import ConfigError


@dataclass(frozen=True)
class Options:
    """The options of ``rose bag``; the same words as the parameters of the node.

    ``topics``: topics of images, or ``NAME=TOPIC``; none: all.  ``threads``: CPU threads of the
    model; another number may change the last digits of what it computes.
    """

    model: str = 'nano'
    device: str = 'auto'
    threads: int = 1
    instruction: str = ''
    candidates: tuple[str, ...] = ()
    ontology: str = ''
    topics: tuple[str, ...] = ()

    def parameters(self, cameras: Mapping[str, str] | None = None) -> RoseParameters:
        """The parameters of a node that would do the same.  ``cameras``: names by topic.

        Raises:
            ConfigError: names what cannot be used.
        """
        values: dict[str, object] = {
            'model': self.model,
            'device': self.device,
            'num_threads': self.threads,
            'instruction': self.instruction,
            'candidates': list(self.candidates),
            'ontology': self.ontology,
        }
        if cameras:
            values['camera_names'] = list(cameras.values())
            values |= {f'cameras.{name}.topic': topic for topic, name in cameras.items()}
        try:
            return parameters_from(values)
        except ParameterError as error:
            raise ConfigError(str(error)) from error

    def identity(
        self, recording: Recording, cameras: Mapping[str, str], model: str
    ) -> dict[str, object]:
        """Everything that the result depends on; equal identities give equal bytes.

        ``model``: name and hash of the weights.
        """
        ontology = Path(self.ontology).read_bytes() if self.ontology else b''
        return {
            'source': recording.fingerprint(),
            'cameras': dict(cameras),
            'model': model,
            'device': self.device,
            'threads': self.threads,
            'instruction': self.instruction,
            'candidates': list(self.candidates),
            'ontology': hashlib.sha256(ontology).hexdigest() if ontology else '',
            'rosbags': importlib.metadata.version('rosbags'),
        }
