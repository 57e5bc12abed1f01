"""The name of a model may be anything: it is a folder with a model, or an error in one line."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from rose_model.checkpoint import check_folder, find_folder
from rose_model.errors import CheckpointError


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError('a socket was opened')

    monkeypatch.setattr(socket, 'socket', refuse)
    monkeypatch.setattr(socket, 'create_connection', refuse)


@pytest.mark.parametrize(
    'name',
    [
        *('', '.', '..', '/', '../../../../etc', '/etc/passwd', '/dev/zero', '/proc/self/fd/0'),
        *('~/nano', 'nano/', 'nano/../nano', './nano', 'NANO', 'nano ', '*', 'na?o', '-rf'),
        *('a\0b', 'a\nb', 'x' * 5000, '/'.join(['x'] * 5000), '\ud800', '${HOME}', '$(true)'),
        *('https://host.invalid/model', 'file:///etc', 'org/model', 'hf://org/model', r'c:\nano'),
    ],
)
def test_a_name_that_is_no_model_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for look in (find_folder, check_folder):
        with pytest.raises(CheckpointError, match='ROSE folder'):
            look(name)


def test_a_link_that_leads_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'loop').symlink_to(tmp_path / 'loop')
    with pytest.raises(CheckpointError, match='No ROSE folder'):
        find_folder(tmp_path / 'loop')


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    for name in ('config.json', 'model.safetensors', 'tokenizer.json'):
        (tmp_path / name).mkdir()
    with pytest.raises(CheckpointError, match='is missing'):
        find_folder(tmp_path)
