"""The certificate of the cluster's port: made once for a user, kept from others, made anew in time."""

import os
import time
from pathlib import Path

import pytest

from sandbox.certificates import server_context


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("SANDBOX_CACHE", str(folder))
    return folder


def test_it_is_made_once_and_its_key_is_the_users_alone(cache: Path) -> None:
    _, first = server_context()
    (file,) = cache.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert "PRIVATE KEY" in file.read_text()
    assert "PRIVATE KEY" not in first
    assert server_context()[1] == first


def test_it_is_made_anew_years_before_it_ends(cache: Path) -> None:
    _, first = server_context()
    (file,) = cache.iterdir()
    six_years_ago = time.time() - 6 * 365 * 86400
    os.utime(file, (six_years_ago, six_years_ago))
    assert server_context()[1] != first


def test_without_a_place_to_keep_it_there_is_one_all_the_same(cache: Path) -> None:
    cache.write_text("a file where the folder would be")
    assert server_context()[1].startswith("-----BEGIN CERTIFICATE-----")
