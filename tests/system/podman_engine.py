"""A real Podman of the test's own, served by the API that it shares with Docker."""
import os
import subprocess

import docker_engine
import harness

# Without the right to raise limits, and on machines with control groups of both versions, Podman's defaults start nothing.
CONF = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


class Engine(docker_engine.Engine):
    """Podman with all that it has below one folder; docker's own client asks it."""

    def start(self):
        conf = self.folder / "containers.conf"
        conf.write_text(CONF)
        self.socket.unlink(missing_ok=True)
        self.program = harness.Program(
            ["podman", "--root", self.folder / "data", "--runroot", self.short / "run", "--tmpdir", self.short / "tmp", "--storage-driver", "vfs", "system", "service", "--time", "0",
             f"unix://{self.socket}"], self.folder / "log", env={"CONTAINERS_CONF": str(conf)})

        def answers():
            assert self.program.running(), f"podman ended:\n{self.program.text()[-2000:]}"
            return self.run("version", check=False).returncode == 0
        harness.wait_until(answers, 60, "podman answers", every=0.2)
        return self

    def stop(self):
        """It ends with 0 or with the signal's number; its containers live on."""
        self.program.process.terminate()
        self.program.process.wait(20)
        self.program.file.close()

    def make_image(self):
        self.make_archive()
        subprocess.run(["podman", "--root", self.folder / "data", "--runroot", self.short / "run", "--tmpdir", self.short / "tmp", "--storage-driver", "vfs", "import", "--change",
                        'CMD ["/bin/sleep","1000000"]', self.folder / "image.tar", f"docker.io/{docker_engine.IMAGE}"], check=True, capture_output=True,
                       env={**os.environ, "CONTAINERS_CONF": str(self.folder / "containers.conf")})
