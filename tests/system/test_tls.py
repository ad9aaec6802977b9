"""Agents over tls+tcp, with certificates from deploy/make-certs.sh; a controller with another certificate is not believed."""
import subprocess

import harness


def tls_site(tmp_path, certs):
    site = harness.Site(tmp_path, tls={"cert_file": certs / "controller.pem", "key_file": certs / "controller.key"})
    site.agent_url = f"tls+tcp://127.0.0.1:{site.port}"
    site.settings["listen"] = [site.agent_url]
    return site


def test_tls__with_the_right_authority__reports_arrive(tmp_path):
    certs = harness.make_certs(tmp_path / "certs", "127.0.0.1", "localhost")
    with tls_site(tmp_path, certs) as site:
        site.start()
        agent = site.agent("web-1", config={"tls": {"ca_file": certs / "ca.pem"}})
        harness.wait_until(lambda: site.hosts()["web-1"]["last_report_at"], 20, "the host reports over TLS")
        agent.stop()
        site.stop()


def test_tls__with_a_foreign_authority__nothing_is_sent(tmp_path):
    certs = harness.make_certs(tmp_path / "certs", "127.0.0.1", "localhost")
    foreign = harness.make_certs(tmp_path / "foreign", "127.0.0.1")
    with tls_site(tmp_path, certs) as site:
        site.start()
        agent = harness.Agent(site, "web-1", "web", config={"tls": {"ca_file": foreign / "ca.pem"}})
        done = subprocess.run([str(harness.AGENT), "enrol", site.token("web"), "--config", str(agent.config)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 69, done.stderr
        assert site.get("agents")["agents"] == []
        site.stop()


def test_make_certs__never_overwrites(tmp_path):
    harness.make_certs(tmp_path / "certs", "localhost")
    before = (tmp_path / "certs" / "ca.key").read_bytes()
    again = subprocess.run([str(harness.ROOT / "deploy" / "make-certs.sh"), str(tmp_path / "certs"), "localhost"], capture_output=True, text=True)
    assert again.returncode == 73
    assert (tmp_path / "certs" / "ca.key").read_bytes() == before
    assert (tmp_path / "certs" / "ca.key").stat().st_mode & 0o077 == 0
