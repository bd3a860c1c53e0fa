"""What all tests share."""

from hypothesis import HealthCheck, settings

# Machines are shared and noisy: nothing here depends on how fast an example is made or run.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")
