#!/usr/bin/env bash
# From a fresh machine to a verdict: sets up, builds, starts a controller and one agent on this host, runs the host-baseline
# checklist for a short period and prints the verdict. Everything it makes is below .quickstart/ in this folder.
# usage: deploy/quickstart.sh [--stop]
#   --stop  stop the controller and the agent that an earlier quickstart left running
# Environment: MUSTER_HTTP_PORT (7651), MUSTER_AGENT_PORT (7650)
set -euo pipefail
cd "$(dirname "$0")/.."
home=$PWD/.quickstart
http_port=${MUSTER_HTTP_PORT:-7651}
agent_port=${MUSTER_AGENT_PORT:-7650}

stop() {
  local name pid
  for name in agent controller; do
    pid=$(cat "$home/$name.pid" 2>/dev/null) || continue
    # Only what an earlier quickstart started: the pid must still be one of our programs.
    if [[ $(readlink "/proc/$pid/exe" 2>/dev/null) == "$PWD"/build/* ]]; then
      kill "$pid"
      while [ -e "/proc/$pid" ] && ! grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2>/dev/null; do read -rt 0.05 <> <(:) || true; done
    fi
    rm -f "$home/$name.pid"
  done
}
case ${1:-} in
  --stop) stop; exit 0 ;;
  "") ;;
  -h | --help) sed -n '4,6p' "$0" | cut -c3-; exit 0 ;;
  *) sed -n '4,6p' "$0" | cut -c3- >&2; exit 64 ;;
esac

echo "1/4 setting up: the packages that building needs"
./deploy/setup.sh
mkdir -p build
if [ -x build/quickstart/controller/musterd ]; then echo "2/4 building: what has changed"; else echo "2/4 building: a minute or two the first time"; fi
if ! { cmake --preset release -DMST_TESTS=OFF -B build/quickstart && cmake --build build/quickstart -j; } >build/quickstart.log 2>&1; then
  tail -30 build/quickstart.log >&2
  echo "quickstart: the build failed; the whole log is in build/quickstart.log" >&2
  exit 70
fi
bin=$PWD/build/quickstart
muster=$bin/controller/muster musterd=$bin/controller/musterd agent=$bin/agent/muster-agent

stop
rm -rf "$home"
mkdir -m 700 -p "$home"
cat >"$home/musterd.yml" <<YML
state_dir: $home/controller
listen: ["tcp://127.0.0.1:$agent_port"]
http:
  listen: ["127.0.0.1:$http_port"]
window: 2s
grace: 1s
evaluate_every: 1s
checklists:
  - name: host-baseline
    file: $PWD/config/checklists/host-baseline.yml
    overlay: $PWD/config/checklists/overlays/quickstart.yml
plan: $PWD/config/plans/quickstart.yml
YML
cat >"$home/agent.yml" <<YML
controllers: ["tcp://127.0.0.1:$agent_port"]
state_dir: $home/agent
interval: 500ms
YML
export MUSTER_URL=http://127.0.0.1:$http_port MUSTER_KEY=$home/operator.key

echo "3/4 starting a controller and an agent"
operator=$("$muster" keys new)
"$musterd" --config "$home/musterd.yml" --first-operator "quickstart=$operator"
"$musterd" --config "$home/musterd.yml" >"$home/controller.log" 2>&1 </dev/null &
echo $! >"$home/controller.pid"
give_up() { # WHO WHY
  local log=$home/$1.log
  echo "quickstart: $2; the end of $log:" >&2
  tail -3 "$log" >&2
  if grep -qi 'address.* in use' "$log"; then
    echo "quickstart: another program has that port; stop it, or choose others: MUSTER_HTTP_PORT=8651 MUSTER_AGENT_PORT=8650 $0" >&2
  fi
  stop
  exit 70
}
wait_for() { # SECONDS WHO WHAT COMMAND...: until COMMAND succeeds, while WHO (controller, agent) runs
  local until=$((SECONDS + $1)) who=$2 what=$3
  shift 3
  until "$@" >/dev/null 2>&1; do
    kill -0 "$(cat "$home/$who.pid")" 2>/dev/null || give_up "$who" "the $who ended"
    [ $SECONDS -lt $until ] || give_up "$who" "$what did not happen"
    read -rt 0.1 <> <(:) || true
  done
}
# The log first: on its port another program could answer.
serves() { grep -q 'event=started' "$home/controller.log" && "$muster" status; }
wait_for 10 controller "the controller's start" serves
"$agent" enrol "$("$muster" token new --ttl 5m --role staging)" --config "$home/agent.yml"
"$agent" --config "$home/agent.yml" >"$home/agent.log" 2>&1 </dev/null &
echo $! >"$home/agent.pid"
reports() { "$muster" agents --json | grep -q '"boot_id": "[^"]'; }
wait_for 10 agent "the agent's first report" reports

echo "4/4 validating this host for ten seconds"
"$muster" run start --checklist host-baseline --deployed-by "$(id -un)" --method automated
code=0
"$muster" decide --wait --timeout 60s >"$home/verdict.txt" || code=$?
echo
"$muster" items
echo
cat "$home/verdict.txt"
echo
echo "The controller and the agent run on."
echo "  The page:      http://127.0.0.1:$http_port/"
echo "  Look further:  export MUSTER_URL=$MUSTER_URL MUSTER_KEY=$MUSTER_KEY"
echo "                 export PATH=$bin/controller:$bin/agent:\$PATH"
echo "                 muster item 2.1; muster agents; muster run list"
echo "  Logs:          $home/controller.log, $home/agent.log"
echo "  Stop them:     ./deploy/quickstart.sh --stop"
echo "  Next:          docs/user-guide.md: your own hosts, your own checklist"
[ $code -le 3 ] || exit $code
