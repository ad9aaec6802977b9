"""The API on an address that other machines reach: HTTPS with a certificate of make-certs.sh, and a bearer token."""
import json
import os
import subprocess

import pytest

import harness

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def served(tmp_path, network):
    """(site, URL, namespace of another machine, folder of the certificates)"""
    namespace, address = network.host("controller")
    other, _ = network.host("desk")
    certs = harness.make_certs(tmp_path / "certs", address, "controller.example")
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    token.chmod(0o600)
    with harness.Site(tmp_path, address, namespace) as site:
        site.settings["http"] = {"listen": [f"unix:{site.http_path}", f"{address}:7651"], "token_file": token,
                                 "cert_file": certs / "controller.pem", "key_file": certs / "controller.key"}
        site.start()
        yield site, f"https://{address}:7651", other, certs
        site.stop()


def curl(namespace, *arguments):
    """(exit code of curl, HTTP status, body)"""
    done = subprocess.run(harness.in_namespace(namespace, ["curl", "-sS", "--max-time", "10", "-w", "\n%{http_code}", *map(str, arguments)]),
                          capture_output=True, text=True)
    body, _, status = done.stdout.rpartition("\n")
    return done.returncode, int(status), body


def muster(namespace, *arguments, **env):
    return subprocess.run(harness.in_namespace(namespace, [str(harness.MUSTER), *map(str, arguments)]), capture_output=True, text=True, timeout=60,
                          env={**os.environ, "NO_COLOR": "1", **{name: str(value) for name, value in env.items()}})


def test_https__with_the_right_authority_and_token__answers(served):
    _, url, desk, certs = served
    code, status, body = curl(desk, "--cacert", certs / "ca.pem", "-H", f"Authorization: Bearer {TOKEN}", f"{url}/api/v1/status")
    assert (code, status) == (0, 200)
    assert json.loads(body)["version"]
    code, status, _ = curl(desk, "--cacert", certs / "ca.pem", "-H", f"Authorization: Bearer {TOKEN}", "--resolve", "controller.example:7651:10.77.0.1",
                           "https://controller.example:7651/api/v1/status")
    assert (code, status) == (0, 200), "by name, too"


def test_https__without_the_token__only_health_is_told(served):
    _, url, desk, certs = served
    for header in ("X-Nothing: 1", "Authorization: Bearer wrong", f"Authorization: Bearer {TOKEN}x", "Authorization: Bearer "):
        for path in ("/api/v1/status", "/api/v1/agents", "/metrics", "/", "/nowhere"):
            code, status, body = curl(desk, "--cacert", certs / "ca.pem", "-H", header, f"{url}{path}")
            assert (code, status) == (0, 401), f"{path} with {header}"
            assert "token" in json.loads(body)["error"]["text"]
    for path in ("/healthz", "/readyz"):
        assert curl(desk, "--cacert", certs / "ca.pem", f"{url}{path}")[:2] == (0, 200)


def test_https__client_with_another_authority__hangs_up(served, tmp_path):
    _, url, desk, _ = served
    foreign = harness.make_certs(tmp_path / "foreign", "10.77.0.1")
    code, status, _ = curl(desk, "--cacert", foreign / "ca.pem", f"{url}/healthz")
    assert (code, status) == (60, 0), "60: the certificate is not believed"


def test_https__plain_http_or_old_tls_on_the_port__gets_nothing(served):
    _, url, desk, certs = served
    code, status, body = curl(desk, "-H", f"Authorization: Bearer {TOKEN}", f"{url.replace('https', 'http')}/healthz")
    assert code != 0 and status == 0 and body == ""
    code, status, _ = curl(desk, "--cacert", certs / "ca.pem", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0", f"{url}/healthz")
    assert code != 0 and status == 0
    assert curl(desk, "--cacert", certs / "ca.pem", f"{url}/healthz")[:2] == (0, 200), "it goes on serving"


def test_https__the_cli_from_another_machine__reads_with_token_and_authority_and_writes_with_its_key(served):
    site, url, desk, certs = served
    env = {"MUSTER_URL": url, "MUSTER_KEY": site.env["MUSTER_KEY"], "MUSTER_TOKEN_FILE": site.folder / "token", "MUSTER_CA_FILE": certs / "ca.pem"}
    done = muster(desk, "status", **env)
    assert done.returncode == 0, done.stderr
    token = muster(desk, "token", "new", "--role", "web", **env)
    assert token.returncode == 0, token.stderr
    assert token.stdout.startswith("mst1.")

    no_authority = muster(desk, "status", **{**env, "MUSTER_CA_FILE": ""})
    assert no_authority.returncode == 69 and "--ca-file" in no_authority.stderr, no_authority.stderr
    no_token = muster(desk, "status", **{**env, "MUSTER_TOKEN_FILE": ""})
    assert no_token.returncode == 70 and "--token-file" in no_token.stderr, no_token.stderr
    plain = muster(desk, "status", **{**env, "MUSTER_URL": url.replace("https", "http")})
    assert plain.returncode == 69 and "https://" in plain.stderr, plain.stderr
