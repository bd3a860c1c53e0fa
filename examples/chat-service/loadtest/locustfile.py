"""Locust's user of the chat service: asks, reads the whole stream, and notes which route and model answered.

    locust --headless --locustfile examples/chat-service/loadtest/locustfile.py --host http://127.0.0.1:8080 --users 20

Locust's own failures, counts and times are of whole answers, from the request to the event `done`. All users together
ask CHAT_LOAD_REQUESTS questions (2000), each of a session of its own, then Locust ends. CHAT_LOAD_REPORT names a file
for the figures as JSON.
"""

import itertools
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import gevent
from locust import HttpUser, events, task
from locust.exception import StopUser

REQUESTS = int(os.environ.get("CHAT_LOAD_REQUESTS", "2000"))
_numbers = itertools.count()
_ended = itertools.count(1)
_answered_by: Counter[str] = Counter()


class Chatting(HttpUser):
    """Asks one question after the other, without a pause."""

    @task
    def ask(self) -> None:
        """POST /v1/chat."""
        number = next(_numbers)
        if number >= REQUESTS:
            raise StopUser
        body = {"messages": [{"role": "user", "text": f"What is {number} + 2?"}], "session": f"load-{number}"}
        began = time.perf_counter()
        with self.client.post("/v1/chat", json=body, stream=True, catch_response=True, timeout=300) as answer:
            name, data = "", {}
            if answer.status_code == 200:
                name, data = _last_event(answer)
            answer.request_meta["response_time"] = 1000 * (time.perf_counter() - began)
            if name == "done":
                _answered_by[f"{data['route']} {data['model']}"] += 1
                answer.success()
            else:
                answer.failure(data.get("title", "") or f"{answer.status_code} {answer.text[:300]}")
        if next(_ended) == REQUESTS:
            # Not from here: it waits for every user, this one too.
            gevent.spawn(self.environment.runner.quit)


def _last_event(answer: Any) -> tuple[str, dict[str, Any]]:
    name, data = "", "{}"
    for line in answer.iter_lines(decode_unicode=True):
        field, _, value = line.partition(": ")
        name, data = (value, data) if field == "event" else (name, value) if field == "data" else (name, data)
    return name, json.loads(data)


@events.quitting.add_listener
def _report(environment: Any, **_: Any) -> None:
    total = environment.stats.total
    found = {
        "requests": total.num_requests,
        "failures": total.num_failures,
        "p50": total.get_response_time_percentile(0.5),
        "p95": total.get_response_time_percentile(0.95),
        "answeredBy": dict(_answered_by.most_common()),
        "errors": {str(error.error): error.occurrences for error in environment.stats.errors.values()},
    }
    if path := os.environ.get("CHAT_LOAD_REPORT"):
        Path(path).write_text(json.dumps(found, default=str))
