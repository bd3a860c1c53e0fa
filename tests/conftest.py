"""What all tests share."""

import os

from hypothesis import HealthCheck, settings

# The day on which the tests were written: models retire and prices change, and no test is about that without saying so.
os.environ.setdefault("GEMINI_TODAY", "2026-11-24")

# Machines are shared and noisy: nothing here depends on how fast an example is made or run.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")
