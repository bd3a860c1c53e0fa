"""Starts the provider. Pulumi runs this folder by its path, so the package is put on the path here."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)

from vertex_serving.provider.serve import main  # noqa: E402 - needs the path set above

main(sys.argv[1:])
