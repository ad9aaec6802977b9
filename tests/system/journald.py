"""A systemd-journald of a test's own: a real one, in a mount namespace in which its folders are the test's. Needs root, no systemd."""
import os
import pathlib
import signal
import socket
import subprocess

import harness
import planted

JOURNALD = pathlib.Path("/lib/systemd/systemd-journald")

# /run and /var/log are the test's inside the namespace only; nothing of the host's is touched.
SCRIPT = """
set -e
mount -t tmpfs none /var/log
mkdir /var/log/journal
mount --bind "$1/journal" /var/log/journal
mkdir -p "$1/run/systemd/journal.mst" "$1/run/systemd/journald@mst.conf.d" "$1/run/log"
cat >"$1/run/systemd/journald@mst.conf.d/test.conf" <<END
[Journal]
Storage=persistent
SystemMaxFileSize=$2
SystemMaxUse=4G
SystemMaxFiles=10000
SystemKeepFree=1M
RateLimitIntervalSec=0
END
mount --bind "$1/run" /run
exec /lib/systemd/systemd-journald mst
"""


class Journald:
    def __init__(self, folder, file_size="1M"):
        self.folder = pathlib.Path(folder)
        (self.folder / "journal").mkdir(parents=True, exist_ok=True)
        (self.folder / "run").mkdir(exist_ok=True)
        self.file_size = file_size
        self.sockets = None

    def __enter__(self):
        assert JOURNALD.exists(), "the package systemd is not installed: see tests/setup.sh"
        self.program = harness.Program(["unshare", "--mount", "bash", "-c", SCRIPT, "journald", self.folder, self.file_size], self.folder / "journald.log")
        folder = self.folder / "run" / "systemd" / "journal.mst"
        harness.wait_until(lambda: (folder / "stdout").exists() and (folder / "socket").exists(), 10, "journald has its sockets")
        harness.wait_until(lambda: self.files(), 10, "journald has a file")
        self.sockets = os.open(folder, os.O_PATH)  # a short way there: a socket's path has at most 107 bytes
        self.native = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.native.connect(self._socket("socket"))
        return self

    def __exit__(self, *_):
        if self.sockets is not None:
            self.native.close()
            os.close(self.sockets)
        self.program.kill()

    def _socket(self, name):
        return f"/proc/self/fd/{self.sockets}/{name}"

    @property
    def path(self):
        """The folder of its files."""
        return next((self.folder / "journal").glob("*.mst"), None)

    def files(self):
        return sorted(self.path.glob("*.journal")) if self.path else []

    def archived(self):
        return [path for path in self.files() if "@" in path.name]

    def send(self, message, **fields):
        """One entry by the native protocol; blocks while journald is behind."""
        data = message if isinstance(message, bytes) else message.encode()
        fields = {**planted.ENVIRONMENT, **fields}
        text = "".join(f"{name}={value}\n" for name, value in fields.items()).encode()
        self.native.send(text + b"MESSAGE\n" + len(data).to_bytes(8, "little") + data + b"\n")

    def output(self, identifier):
        """A service's standard output: what is sent to it becomes an entry a line."""
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        stream.connect(self._socket("stdout"))
        stream.sendall(f"{identifier}\n\n6\n1\n0\n0\n0\n".encode())
        return stream

    def wait_for(self, message):
        """Until an entry is in its files: a signal overtakes what waits in the sockets."""
        def is_there():
            done = subprocess.run(["journalctl", "-D", self.path, "-o", "cat", "-q"], capture_output=True, text=True, errors="replace", check=True)
            return message in done.stdout.splitlines()
        harness.wait_until(is_there, 10, f"\"{message}\" is in the journal")

    def rotate(self):
        """Archives its file and begins another."""
        before = len(self.archived())
        self.program.process.send_signal(signal.SIGUSR2)
        harness.wait_until(lambda: len(self.archived()) > before, 10, "the file is archived")

    def vacuum(self):
        """Deletes all archived files, as journalctl --vacuum does."""
        subprocess.run(["journalctl", "-D", self.path, "--vacuum-files=1"], check=True, capture_output=True)
        for path in self.archived():
            path.unlink(missing_ok=True)
