"""
Run the official client against the local exchange, with a key of either kind.

    python official_run.py PYTHON_OF_THE_CLIENT
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path

CLIENT = Path(__file__).with_name("official_client.py")


def main(client_python: str) -> int:
    """Return how the client's runs ended: 0 when both did well."""
    return max(_run(client_python, *kind) for kind in ((), ("--ed25519",)))


def _run(client_python: str, *options: str) -> int:
    program = (sys.executable, "-m", "algopioneer_core", "sandbox", "coinbase")
    with subprocess.Popen(
        [*program, "--tls", "--speed", "60", *options], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            environment = {**os.environ, **_exports(server)}
            return subprocess.run([client_python, str(CLIENT)], env=environment).returncode
        finally:
            server.terminate()


def _exports(server: "subprocess.Popen[str]") -> dict[str, str]:
    """Return what the local exchange says that the environment should hold."""
    assert server.stdout is not None
    found: dict[str, str] = {}
    for line in server.stdout:
        if line.strip() == "ready":
            return found
        (text,) = shlex.split(line.removeprefix("export "))
        name, _, value = text.partition("=")
        found[name] = value
    raise SystemExit("the local exchange ended before it was ready")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
