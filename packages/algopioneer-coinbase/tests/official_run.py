"""
Run the official client against the local exchange, with a key of either kind.

    python official_run.py PYTHON_OF_THE_CLIENT

First it trades. Then it and the adapter do the same operations, each against an exchange of its
own that records what comes, and the records are compared (`official_compare.py`).
"""

import datetime
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
SOON = datetime.datetime.now(datetime.UTC).replace(microsecond=0) + datetime.timedelta(days=1)
CAPTURE = {
    "CAPTURE_END_TIME": SOON.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "CAPTURE_END_NS": str(int(SOON.timestamp()) * 10**9),
}


def main(client_python: str) -> int:
    """Return how the runs ended: 0 when all did well."""
    return max(_both(client_python, options) for options in ((), ("--ed25519",)))


def _both(client_python: str, options: Sequence[str]) -> int:
    with _exchange("--speed", "60", *options) as environment:
        command = [client_python, str(HERE / "official_client.py")]
        traded = subprocess.run(command, env=environment).returncode
    with tempfile.TemporaryDirectory(prefix="algopioneer-official-") as folder:
        official, ours = Path(folder, "official.jsonl"), Path(folder, "adapter.jsonl")
        done = [
            _capture(client_python, "official_capture.py", official, options),
            _capture(sys.executable, "adapter_capture.py", ours, options),
        ]
        command = [sys.executable, str(HERE / "official_compare.py"), str(official), str(ours)]
        return max(traded, *done) or subprocess.run(command).returncode


def _capture(python: str, program: str, record: Path, options: Sequence[str]) -> int:
    with _exchange("--record", str(record), *options) as environment:
        done = subprocess.run(
            [python, str(HERE / program)], env={**environment, **CAPTURE}, stdout=subprocess.PIPE
        )
    return done.returncode


@contextmanager
def _exchange(*options: str) -> Iterator[dict[str, str]]:
    """Run a local exchange, and yield the environment that points at it."""
    program = (sys.executable, "-m", "algopioneer_core", "sandbox", "coinbase", "--tls")
    with subprocess.Popen([*program, *options], stdout=subprocess.PIPE, text=True) as server:
        try:
            yield {**os.environ, **_exports(server)}
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
