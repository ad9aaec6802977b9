"""A real Docker Engine of the test's own, without a network, and images FROM scratch."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time

import harness
import planted

IMAGE = "muster-test/busybox:1"
APPLETS = ("sh", "sleep", "test", "touch", "rm", "cat", "dd", "kill")
HEALTH = ("--health-cmd", "test ! -e /tmp/sick", "--health-interval", "500ms", "--health-timeout", "5s", "--health-retries", "1")


def settle():
    """What an API client did is counted some seconds after, when it cannot turn out to be the daemon's own end. That nothing more comes has no sign but time."""
    time.sleep(8)


class Engine:
    """dockerd with all that it has below one folder. Its control socket and its containers end with it."""

    def __init__(self, folder, storage="vfs"):
        self.storage = storage  # vfs works on every file system
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        # A Unix socket's path has 107 bytes at most; folders of tests are longer.
        self.short = pathlib.Path(tempfile.mkdtemp(prefix="mstdk"))
        self.socket = self.short / "docker.sock"
        self.program = None

    def start(self):
        # The control groups of its containers are named by it, so that two of them stay apart.
        self.program = harness.Program(
            ["dockerd", "--data-root", self.folder / "data", "--exec-root", self.short / "exec", "--pidfile", self.short / "pid", "--host", f"unix://{self.socket}",
             "--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false", "--storage-driver", self.storage], self.folder / "log")

        def answers():
            assert self.program.running(), f"dockerd ended:\n{self.program.text()[-2000:]}"
            return self.run("version", check=False).returncode == 0
        harness.wait_until(answers, 60, "dockerd answers", every=0.2)
        return self

    def stop(self):
        """As systemd does: its containers end first."""
        self.program.stop(60)

    def kill(self):
        """Its containers live on, each with a shim of containerd."""
        self.program.kill()

    def close(self):
        if not self.program.running():
            self.start()
        self.remove_all()
        self.stop()
        for mount in reversed(pathlib.Path("/proc/self/mounts").read_text().splitlines()):
            path = mount.split()[1]
            if path.startswith((str(self.folder), str(self.short))):
                subprocess.run(["umount", "-l", path], check=False, capture_output=True)
        shutil.rmtree(self.short, ignore_errors=True)
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    def run(self, *arguments, check=True, **more):
        done = subprocess.run(["docker", "-H", f"unix://{self.socket}", *map(str, arguments)], capture_output=True, text=True, timeout=120, **more)
        assert not check or done.returncode == 0, f"docker {' '.join(map(str, arguments))} exited {done.returncode}: {done.stderr}"
        return done

    def make_image(self):
        archive = self.make_archive()
        self.run("import", "--change", 'CMD ["/bin/sleep", "1000000"]', archive, IMAGE)

    def make_archive(self):
        """busybox and nothing else: no registry can be reached, and none is needed."""
        root = self.folder / "image"
        (root / "bin").mkdir(parents=True)
        (root / "tmp").mkdir()
        shutil.copy("/bin/busybox", root / "bin")
        for applet in APPLETS:
            (root / "bin" / applet).symlink_to("busybox")
        archive = self.folder / "image.tar"
        with tarfile.open(archive, "w") as tar:
            tar.add(root, arcname=".")
        return archive

    def container(self, name, *options, command=()):
        secrets = [part for name, value in planted.ENVIRONMENT.items() for part in ("--env", f"{name}={value}", "--label", f"{name}={value}")]
        return self.run("run", "-d", "--name", name, "--network", "none", *secrets, *options, IMAGE, *command).stdout.strip()

    def remove_all(self):
        names = self.run("ps", "-aq").stdout.split()
        while names:  # a few at a time: each may take a second
            self.run("rm", "-f", *names[:20])
            names = names[20:]

    def inspect(self, name):
        return json.loads(self.run("inspect", name).stdout)[0]

    def crash(self, name):
        """Its process dies, of which no API client knows."""
        os.kill(self.inspect(name)["State"]["Pid"], signal.SIGKILL)
