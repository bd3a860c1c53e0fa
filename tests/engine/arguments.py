"""What `ps` would show meanwhile: the arguments of every process on this machine, looked at again and again."""

import contextlib
import threading
from collections.abc import Iterator

import psutil


@contextlib.contextmanager
def arguments_seen(every: float = 0.1) -> Iterator[set[str]]:
    """The command lines that were seen during the block, filled while it runs."""
    seen: set[str] = set()
    done = threading.Event()

    def look() -> None:
        while not done.wait(every):
            for process in psutil.process_iter():
                with contextlib.suppress(psutil.Error):
                    seen.add("\0".join(process.cmdline()))

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()
