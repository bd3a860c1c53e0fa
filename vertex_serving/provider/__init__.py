"""The server side of the `vertex-serving` Pulumi provider.

How it is put together, from the outside in:

- `serve` is the process: it prints its port, and ends when the engine does.
- `servicer` is the gRPC surface: it turns Pulumi's requests into calls on the resources, and every failure into a
  sentence (or into partial state, so that the next `pulumi up` goes on where this one stopped).
- `deployed_model`, `traffic_split` and `publisher_model_config` are the resources, one file each. They know Google's
  rules, not gRPC.
- `operations` looks at an endpoint and at its long-running operations; `task` is the one deadline, cancellation and
  voice that a call has; `vertex` is the REST client; `google_errors` its words for what went wrong.
- `wire`, `fields` and `diffs` are Pulumi's property values: read and written, checked, compared.

Nothing here talks to Google while Pulumi previews.
"""
