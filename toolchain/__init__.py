"""Makes the virtual environment and finds, installs or builds the pinned Pulumi CLI. Nothing else here knows how."""
