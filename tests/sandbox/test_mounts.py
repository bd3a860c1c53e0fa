"""`sandbox run --as-pod … --mount`: ConfigMaps and Secrets as files, kept as the cluster has them."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.lifecycle import CommandError, Start, run
from sandbox.mounts import Mount, MountError, mounted
from sandbox.testing import SandboxHandle
from tests.sandbox.test_pods import Cluster
from tests.sandbox.vertex import Vertex

ROUTES = "/production/configmaps"


@pytest.fixture
def cluster(vertex: Vertex) -> Cluster:
    return Cluster(vertex)


def config_map(cluster: Cluster, **data: str) -> None:
    """Makes the ConfigMap `routes`, or replaces it."""
    body = {"metadata": {"name": "routes"}, "data": data}
    known = cluster.sandbox.state().get("kubernetes.configmaps", {})
    verb, path = ("PUT", f"{ROUTES}/routes") if "production/routes" in known else ("POST", ROUTES)
    cluster.kube(verb, path, body)


def until(happened: Callable[[], bool]) -> None:
    """Waits until something has happened; fails after half a minute."""
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_config_map_is_files_behind_one_link_that_is_swapped(cluster: Cluster, tmp_path: Path) -> None:
    """As the kubelet does it; a key that goes takes its file along, and files stay when the object goes."""
    config_map(cluster, **{"routes.json": "one", "old": "gone soon"})
    folder = tmp_path / "etc"
    mount = Mount.read(f"configmap/routes={folder}")
    with mounted([mount], cluster.sandbox.env, "production"):
        file = folder / "routes.json"
        assert file.read_text() == "one"
        assert str(file.readlink()) == "..data/routes.json"
        before = (folder / "..data").readlink()
        inode = file.stat().st_ino

        config_map(cluster, **{"routes.json": "two"})
        until(lambda: file.read_text() == "two")

        assert (folder / "..data").readlink() != before
        assert file.stat().st_ino != inode
        until(lambda: not (folder / "old").is_symlink())
        until(lambda: not (folder / before).exists())
        cluster.kube("DELETE", f"{ROUTES}/routes")
        time.sleep(1.5)
        assert file.read_text() == "two"
    assert not folder.exists()


def test_a_reader_never_sees_half_a_change(cluster: Cluster, tmp_path: Path) -> None:
    """Both keys of a ConfigMap change in one step."""
    config_map(cluster, a="0", b="0")
    folder = tmp_path / "etc"
    with mounted([Mount.read(f"configmap/routes={folder}")], cluster.sandbox.env, "production"):
        config_map(cluster, a="1", b="1")
        seen = set()
        deadline = time.monotonic() + 30
        while ("1", "1") not in seen and time.monotonic() < deadline:
            data = folder / (folder / "..data").readlink()
            try:
                seen.add(((data / "a").read_text(), (data / "b").read_text()))
            except FileNotFoundError:
                continue  # the folder of before, just removed
    assert seen <= {("0", "0"), ("1", "1")}
    assert ("1", "1") in seen


def test_a_secret_is_decoded(cluster: Cluster, tmp_path: Path) -> None:
    """As its container reads it."""
    body = {"metadata": {"name": "key"}, "stringData": {"apiKey": "AIza-not-shown"}}
    cluster.kube("POST", "/production/secrets", body)
    with mounted([Mount.read(f"secret/key={tmp_path / 'key'}")], cluster.sandbox.env, "production"):
        assert (tmp_path / "key/apiKey").read_text() == "AIza-not-shown"


def test_what_is_not_there_keeps_a_pod_from_starting_unless_it_is_optional(cluster: Cluster, tmp_path: Path) -> None:
    """And what is optional is there as soon as it is."""
    text = f"configmap/routes={tmp_path / 'etc'}"
    with (
        pytest.raises(MountError, match=r'configmap "routes" not found in namespace production'),
        mounted([Mount.read(text)], cluster.sandbox.env, "production"),
    ):
        pass
    with mounted([Mount.read(f"{text},optional")], cluster.sandbox.env, "production"):
        assert list((tmp_path / "etc").iterdir()) == []
        config_map(cluster, late="here")
        until(lambda: (tmp_path / "etc/late").exists())


def test_a_folder_that_holds_something_is_left_alone(cluster: Cluster, tmp_path: Path) -> None:
    """A mount would hide it, and its end would remove it."""
    (tmp_path / "mine").write_text("kept")
    config_map(cluster, a="1")
    with (
        pytest.raises(MountError, match="takes an empty one"),
        mounted([Mount.read(f"configmap/routes={tmp_path}")], cluster.sandbox.env, "production"),
    ):
        pass
    assert (tmp_path / "mine").read_text() == "kept"


@pytest.mark.parametrize("text", ["routes=/etc", "pod/routes=/etc", "configmap/routes", "configmap/Routes=/etc"])
def test_a_mount_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(MountError, match="expected configmap/NAME=FOLDER"):
        Mount.read(text)


def test_the_command_line_takes_mounts_for_pods_alone(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: SandboxHandle
) -> None:
    """A command as a pod reads the files, and has no token of the deployer."""
    config_map(cluster, **{"routes.json": "two"})
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    start = Start("sandbox-project")
    wanted = f"configmap/routes={tmp_path / 'etc'}"
    script = f'test -z "$GOOGLE_OAUTH_ACCESS_TOKEN" && cat {tmp_path}/etc/routes.json > {tmp_path}/said'
    command = ["sh", "-c", script]
    assert run(command, start, None, attach=False, pod="production/gemini-app", mount=[wanted]) == 0
    assert (tmp_path / "said").read_text() == "two"
    assert not (tmp_path / "etc").exists()
    with pytest.raises(CommandError, match="--mount needs --as-pod"):
        run(command, start, None, attach=False, mount=[wanted])
