"""`sandbox run --as-pod … --mount configmap/NAME=FOLDER`: a ConfigMap or Secret as the kubelet puts it into a pod.

Each key is a file. It is a symbolic link through `..data`, which is a symbolic link to a folder named after the time;
a change of the object swaps `..data` by one rename, so that a reader sees the old files or the new ones, never both.
As in a pod, files stay when the object is deleted. The kubelet looks about once a minute, this once a second.

Rules: kubernetes.io/docs/concepts/storage/volumes (configMap, secret) and the kubelet's atomic writer.
"""

import base64
import contextlib
import json
import re
import shutil
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sandbox.errors import Json

SECONDS = 1.0
_WANTED = re.compile(r"(configmap|secret)/([a-z0-9]([-.a-z0-9]*[a-z0-9])?)=(.+?)(,optional)?")


class MountError(Exception):
    """A sentence for whoever wanted something mounted."""


@dataclass(frozen=True, slots=True)
class Mount:
    """What is mounted where: `kind` is configmap or secret; an `optional` object need not be there."""

    kind: str
    name: str
    folder: Path
    optional: bool

    @classmethod
    def read(cls, text: str) -> "Mount":
        """A mount as the command line has it: KIND/NAME=FOLDER, or KIND/NAME=FOLDER,optional."""
        found = _WANTED.fullmatch(text)
        if not found:
            raise MountError(f"{text}: expected configmap/NAME=FOLDER or secret/NAME=FOLDER, perhaps with ,optional.")
        return cls(found[1], found[2], Path(found[4]).absolute(), bool(found[5]))


@contextlib.contextmanager
def mounted(mounts: Sequence[Mount], variables: Mapping[str, str], namespace: str) -> Iterator[None]:
    """Keeps the mounts as the cluster has their objects, and removes what it made in the folders at the end.

    Args:
        mounts: what is mounted.
        variables: of the deployer; with SANDBOX_URL and GOOGLE_OAUTH_ACCESS_TOKEN.
        namespace: of the objects.

    Raises:
        MountError: an object that is not optional is not there, as a pod does not start then; or a folder is not empty.
    """
    with contextlib.ExitStack() as stack:
        followed = [stack.enter_context(_Folder(each, variables, namespace)) for each in mounts]
        for each in followed:
            if not each.look() and not each.mount.optional:
                raise MountError(
                    f'MountVolume.SetUp failed: {each.mount.kind} "{each.mount.name}" not found in namespace'
                    f" {namespace}: no pod that mounts it starts."
                )
        done = threading.Event()

        def follow() -> None:
            while not done.wait(SECONDS):
                for each in followed:
                    with contextlib.suppress(OSError):  # a sandbox that is gone, or a disk: it is tried again
                        each.look()

        thread = threading.Thread(target=follow, name="pod-mounts", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


class _Folder:
    """One mount's folder, and the version of the object that it shows."""

    def __init__(self, mount: Mount, variables: Mapping[str, str], namespace: str) -> None:
        self.mount = mount
        name = urllib.parse.quote(mount.name)
        url = f"{variables['SANDBOX_URL']}/kubernetes/api/v1/namespaces/{namespace}/{mount.kind}s/{name}"
        token = variables.get("GOOGLE_OAUTH_ACCESS_TOKEN", "")
        self._request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._shown = ""
        self._made = False

    def __enter__(self) -> "_Folder":
        folder = self.mount.folder
        self._made = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise MountError(f"{folder}: a mount hides what is in its folder, so this takes an empty one.")
        return self

    def __exit__(self, *_: object) -> None:
        for entry in self.mount.folder.iterdir():
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        if self._made:
            self.mount.folder.rmdir()

    def look(self) -> bool:
        """Shows the object as it is now; whether there is one."""
        try:
            with self._opener.open(self._request, timeout=30) as answer:
                found: Json = json.loads(answer.read())
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return False
            raise
        version = found["metadata"]["resourceVersion"]
        if version != self._shown:
            self._show(_files(found))
            self._shown = version
        return True

    def _show(self, files: Mapping[str, bytes]) -> None:
        """What the kubelet's atomic writer does: write beside, swap one link, then link keys and drop the old."""
        folder, data = self.mount.folder, self.mount.folder / "..data"
        now = time.time_ns()
        stamp = datetime.fromtimestamp(now / 1e9, UTC).strftime("..%Y_%m_%d_%H_%M_%S")
        fresh = folder / f"{stamp}.{now % 10**9:09}"
        fresh.mkdir(mode=0o755)
        for name, content in files.items():
            (fresh / name).write_bytes(content)
        before = folder / data.readlink() if data.is_symlink() else None
        swapped = folder / "..data_tmp"
        swapped.unlink(missing_ok=True)
        swapped.symlink_to(fresh.name)
        swapped.rename(data)
        shown = {entry.name for entry in folder.iterdir() if not entry.name.startswith("..")}
        for name in set(files) - shown:
            (folder / name).symlink_to(Path("..data", name))
        for name in shown - set(files):
            (folder / name).unlink()
        if before is not None:
            shutil.rmtree(before, ignore_errors=True)


def _files(found: Json) -> dict[str, bytes]:
    encoded = {**(found.get("binaryData") or {})}
    data = found.get("data") or {}
    if found["kind"] == "Secret":
        encoded |= data
        data = {}
    plain = {name: text.encode() for name, text in data.items()}
    return plain | {name: base64.b64decode(text) for name, text in encoded.items()}
