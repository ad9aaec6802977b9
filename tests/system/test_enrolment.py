"""Tokens, approval and revocation as an operator does them."""
import harness


def test_manual_token__agent_waits_for_approval__then_its_backlog_arrives(site):
    site.start()
    token = site.token("web", "--manual")
    agent = harness.Agent(site, "web-1", "web")
    site.agents.append(agent)
    agent.enrol(token).start()
    harness.wait_until(lambda: sum(map(len, harness.ledger(agent)[0].values())) > 5, 20, "the host measures")
    assert site.hosts()["web-1"]["state"] == "pending"
    assert not site.hosts()["web-1"]["last_report_at"]
    site.cli("agents", "approve", agent.id)
    harness.wait_until(lambda: harness.missing(site, agent) == [], 30, "what it measured while it waited arrives")
    agent.stop()
    harness.wait_until(lambda: harness.missing(site, agent) == [], 30, "the rest arrives")
    harness.assert_stored_exactly_once(site, agent)


def test_token_labels__are_the_hosts_labels(site):
    site.start()
    agent = harness.Agent(site, "db-1", "db")
    site.agents.append(agent)
    agent.enrol(site.cli("token", "new", "--role", "db", "zone=a").stdout.strip()).start()
    harness.wait_until(lambda: site.hosts()["db-1"]["last_report_at"], 20, "the host reports")
    assert site.hosts()["db-1"]["labels"] == {"role": "db", "zone": "a"}


def test_revoked_agent__is_refused_and_shown(site):
    site.start()
    agent = site.agent("web-1")
    harness.wait_until(lambda: site.hosts()["web-1"]["last_report_at"], 20, "the host reports")
    site.cli("agents", "revoke", agent.id, "--reason", "test")
    harness.wait_until(lambda: site.metrics().get('muster_envelopes_refused_total{reason="revoked_key"}', 0) > 0, 20, "it is refused")
    assert site.hosts()["web-1"]["state"] == "revoked"
    assert agent.program.running(), "a revoked agent goes on and says why"


def test_agent__sigterm__stops_within_two_seconds_and_sends_what_it_has(site):
    site.start()
    agent = site.agent("web-1")
    harness.wait_until(lambda: site.hosts()["web-1"]["last_report_at"], 20, "the host reports")
    agent.stop(timeout=2)
    harness.wait_until(lambda: harness.missing(site, agent) == [], 5, "all that it made is stored")
    harness.assert_stored_exactly_once(site, agent)


def test_agent__without_a_controller__stops_within_two_seconds(site):
    site.start()
    agent = site.agent("web-1")
    harness.wait_until(lambda: site.hosts()["web-1"]["last_report_at"], 20, "the host reports")
    site.kill()
    made = sum(map(len, harness.ledger(agent)[0].values()))
    harness.wait_until(lambda: sum(map(len, harness.ledger(agent)[0].values())) > made + 3, 20, "it goes on measuring")
    agent.stop(timeout=2)
