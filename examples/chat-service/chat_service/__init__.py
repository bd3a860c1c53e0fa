"""A small chat service over gemini_client: POST /v1/chat answers with server-sent events."""
