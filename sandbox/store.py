"""What exists in the sandbox: JSON resources by kind and name, in SQLite, so that it outlives a killed process."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from sandbox.errors import Json


class Store:
    """Resources by (kind, name).

    A call to the API is one transaction: the server commits it before the answer leaves, or rolls it back when the
    call fails. A method must therefore not await between two writes that belong together.

    Args:
        file: where the state is kept; None keeps it in memory.
    """

    def __init__(self, file: Path | None = None) -> None:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        # Every method runs on the server's event loop, but that loop may run in another thread than the constructor.
        self._db = sqlite3.connect(file or ":memory:", check_same_thread=False, isolation_level="DEFERRED")
        self._db.execute("PRAGMA journal_mode=WAL")
        # What SQLite has handed to the operating system outlives a killed process; only a power cut may lose it.
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS resources (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL,"
            " value TEXT NOT NULL, seed TEXT, UNIQUE (kind, name))"
        )
        self._db.execute("CREATE TABLE IF NOT EXISTS journal (id INTEGER PRIMARY KEY, entry TEXT NOT NULL)")
        self._db.commit()
        self._seeding = False
        # An unkept journal would only grow.
        self.keeps_journal = file is not None

    def get(self, kind: str, name: str) -> Json | None:
        """The resource, as a copy that the caller may change, or None."""
        row = self._db.execute("SELECT value FROM resources WHERE kind = ? AND name = ?", (kind, name)).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, kind: str, name: str, value: Json) -> None:
        """Creates or overwrites a resource."""
        text = _text(value)
        self._db.execute(
            "INSERT INTO resources (kind, name, value, seed) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (kind, name) DO UPDATE SET value = excluded.value, seed = coalesce(excluded.seed, seed)",
            (kind, name, text, text if self._seeding else None),
        )

    def delete(self, kind: str, name: str) -> bool:
        """Removes a resource; False where there was none."""
        return self._db.execute("DELETE FROM resources WHERE kind = ? AND name = ?", (kind, name)).rowcount > 0

    def everything(self) -> list[tuple[str, str, Json, Json | None]]:
        """All resources as (kind, name, value, the value it was seeded with or None)."""
        return sorted(self.dump(), key=lambda row: row[:2])

    def dump(self) -> list[tuple[str, str, Json, Json | None]]:
        """The same, oldest first, as `load` takes it."""
        rows = self._db.execute("SELECT kind, name, value, seed FROM resources ORDER BY id")
        return [(kind, name, json.loads(value), json.loads(seed) if seed else None) for kind, name, value, seed in rows]

    def load(self, rows: Sequence[tuple[str, str, Json, Json | None]]) -> None:
        """Replaces everything by what `dump` gave."""
        self.clear()
        self._db.executemany(
            "INSERT INTO resources (kind, name, value, seed) VALUES (?, ?, ?, ?)",
            [(kind, name, _text(value), None if seed is None else _text(seed)) for kind, name, value, seed in rows],
        )

    def list(self, kind: str, prefix: str = "") -> dict[str, Json]:
        """The resources of a kind whose name starts with `prefix`, by name, oldest first."""
        rows = self._db.execute(
            "SELECT name, value FROM resources WHERE kind = ? AND substr(name, 1, ?) = ? ORDER BY id",
            (kind, len(prefix), prefix),
        )
        return {name: json.loads(value) for name, value in rows}

    def append(self, entry: Json) -> None:
        """Adds an entry to the journal of what was measured, which is no resource."""
        self._db.execute("INSERT INTO journal (entry) VALUES (?)", (_text(entry),))

    def journal(self) -> Iterator[Json]:
        """The journal's entries, oldest first."""
        for (entry,) in self._db.execute("SELECT entry FROM journal ORDER BY id"):
            yield json.loads(entry)

    def shorten_journal(self, entry: Json) -> None:
        """Puts one entry in the place of all."""
        self._db.execute("DELETE FROM journal")
        self.append(entry)

    def clear(self) -> None:
        """Removes everything."""
        self._db.execute("DELETE FROM resources")
        self._db.execute("DELETE FROM journal")

    def start_seeding(self) -> None:
        """From here on, what is put counts as having been there before any user came."""
        self._seeding = True

    def stop_seeding(self) -> None:
        """What is put from here on is the users'."""
        self._seeding = False

    @contextlib.contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """What is put and deleted in this block is forgotten when the block raises; what was before it is not."""
        self._db.execute("SAVEPOINT block")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK TO block")
            raise
        finally:
            self._db.execute("RELEASE block")

    def commit(self) -> None:
        """Makes what was put and deleted permanent."""
        self._db.commit()

    def rollback(self) -> None:
        """Forgets what was put and deleted since the last commit."""
        self._db.rollback()

    def close(self) -> None:
        """Closes the file."""
        self._db.close()


def _text(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"))
