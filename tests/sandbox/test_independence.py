"""The sandbox imports nothing of what it serves, and stays small."""

import ast
import subprocess
import sys
from pathlib import Path

import sandbox

FOLDER = Path(sandbox.__file__).parent
FOREIGN = {"vertex_serving", "components", "settings", "gemini_client", "scripts", "toolchain", "policy", "tests"}


def test_no_module_of_the_sandbox_imports_what_it_serves() -> None:
    imported = set()
    for file in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
    assert "starlette" in imported
    assert imported & FOREIGN == set()


def test_a_sandbox_at_rest_with_its_plugins_takes_less_than_150_mb() -> None:
    script = (
        "import pathlib\n"
        "from sandbox.testing import running_sandbox\n"
        "from sandbox import discovery\n"
        "with running_sandbox(plugins=True):\n"
        "    for service in ('aiplatform', 'compute', 'iam', 'serviceusage', 'accesscontextmanager'):\n"
        "        discovery.load(service, 'v1')\n"
        "    discovery.load('aiplatform', 'v1beta1')\n"
        "    status = pathlib.Path('/proc/self/status')\n"
        "    if status.exists():\n"
        "        print(next(l.split()[1] for l in status.read_text().splitlines() if l.startswith('VmRSS')))\n"
        "    else:\n"
        "        import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    kilobytes = int(done.stdout) if sys.platform == "linux" else int(done.stdout) // 1024
    assert kilobytes < 150 * 1024
