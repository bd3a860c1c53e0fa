"""`python -m chat_service`: serves until SIGTERM or Ctrl-C, then lets the answers under way end."""

import logging
import os
import sys

import uvicorn

from chat_service import logs
from chat_service.app import Service
from chat_service.settings import Settings, SettingsError
from gemini_client import AsyncGeminiClient, GeminiClientError


def main() -> int:
    """Serves; returns the exit status."""
    logs.begin()
    try:
        settings = Settings.from_env(os.environ)
        client = AsyncGeminiClient.from_env()
    except (SettingsError, GeminiClientError) as error:
        logs.record(str(error), logging.CRITICAL)
        return 2
    uvicorn.run(
        Service(client, settings).application(),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.stop_seconds,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
