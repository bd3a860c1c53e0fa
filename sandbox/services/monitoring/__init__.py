"""monitoring v3: time series of what the sandbox served, and what their metrics are."""

from sandbox import registry

registry.needs_enabling("monitoring")
