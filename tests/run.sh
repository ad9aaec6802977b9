#!/usr/bin/env bash
# Sets up, builds and runs muster's tests; prints how many ran.
# usage: tests/run.sh [--full] [SUITE...] [PATTERN...]
#   SUITE    lint format tidy unit tsan fuzz system (all of them when none is named)
#   PATTERN  only unit test programs and system tests whose name contains it
#   --full   at full size: 200 kills, 3-minute partition, long fuzzing; results go to docs/measurements.md by hand
# Environment: JOBS (default: all cores), FUZZ_SECONDS (per target; default 5, with --full 120)
set -uo pipefail
cd "$(dirname "$0")/.."

full=no
suites=()
patterns=()
for argument in "$@"; do
  case $argument in
    --full) full=yes ;;
    -h | --help) sed -n '2,7p' "$0" | cut -c3-; exit 0 ;;
    -*) echo "run.sh: no such option: $argument (see --help)" >&2; exit 64 ;;
    lint | format | tidy | unit | tsan | fuzz | system) suites+=("$argument") ;;
    *) patterns+=("$argument") ;;
  esac
done
if [ ${#suites[@]} -eq 0 ]; then
  if [ ${#patterns[@]} -eq 0 ]; then suites=(lint format tidy unit tsan fuzz system); else suites=(unit system); fi
fi
jobs=${JOBS:-$(nproc)}
fuzz_seconds=${FUZZ_SECONDS:-$([ $full = yes ] && echo 120 || echo 4)}
export MST_FULL=$full
# So that a fresh clone in another folder finds what an earlier build compiled.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1

passed=0
failed=0
failures=()
started=$(date +%s)
say() { printf '== %s (%d s)\n' "$*" $(($(date +%s) - started)); }
result() { # NAME STATUS
  if [ "$2" -eq 0 ]; then passed=$((passed + 1)); else
    failed=$((failed + 1))
    failures+=("$1")
    printf 'FAILED: %s\n' "$1"
  fi
}
matches() {
  [ ${#patterns[@]} -eq 0 ] && return 0
  local pattern
  for pattern in "${patterns[@]}"; do [[ $1 == *"$pattern"* ]] && return 0; done
  return 1
}
build() { # PRESET [TARGET...]
  local preset=$1 log=build/$1.log
  shift
  mkdir -p build
  cmake --preset "$preset" -DCMAKE_C_COMPILER_LAUNCHER=ccache >"$log" 2>&1 &&
    cmake --build "build/$preset" -j "$jobs" ${1:+--target "$@"} >>"$log" 2>&1 || {
    tail -40 "$log"
    echo "run.sh: the $preset build failed; the whole log is in $log" >&2
    failed=$((failed + 1))
    failures+=("build/$preset")
    return 1
  }
}

# Criterion's closing line counts the tests of one program: "[====] Synthesis: Tested: 12 | Passing: 12 | Failing: 0 | Crashing: 0"
run_criterion() { # NAME PROGRAM [WRAPPER...]
  local name=$1 program=$2 output status tested passing
  shift 2
  output=$("$@" "$program" --jobs 1 2>&1)
  status=$?
  tested=$(sed -n 's/.*Tested: [^0-9]*\([0-9]*\).*/\1/p' <<<"$(sed 's/\x1b\[[0-9;]*m//g' <<<"$output")" | tail -1)
  passing=$(sed -n 's/.*Passing: [^0-9]*\([0-9]*\).*/\1/p' <<<"$(sed 's/\x1b\[[0-9;]*m//g' <<<"$output")" | tail -1)
  if [ $status -ne 0 ] || [ -z "$tested" ] || [ "$tested" -eq 0 ] || [ "$tested" != "$passing" ]; then
    printf '%s\n' "$output" | tail -40
    passed=$((passed + ${passing:-0}))
    failed=$((failed + 1))
    failures+=("$name")
    printf 'FAILED: %s\n' "$name"
  else
    passed=$((passed + tested))
  fi
}
run_unit_programs() { # PRESET [WRAPPER...]
  local preset=$1 program name
  shift
  for program in build/"$preset"/tests/unit/*_test_*; do
    [ -x "$program" ] && [ -f "$program" ] || continue
    name=$(basename "$program")
    matches "$name" || continue
    run_criterion "$preset/$name" "$program" "$@"
  done
}

suite_lint() {
  local script status
  for script in tests/lint/*.py; do
    python3 "$script"
    status=$? # kept at once: a $(...) among the arguments below would set it anew
    result "lint/$(basename "$script" .py)" "$status"
  done
}
suite_format() {
  git ls-files '*.c' '*.h' | xargs -r clang-format-14 --dry-run --Werror
  result format $?
}
suite_tidy() {
  build debug || return
  git ls-files 'common/*.c' 'proto/*.c' 'agent/*.c' 'controller/*.c' |
    xargs -r -P "$jobs" -n 1 clang-tidy-14 --quiet -p build/debug 2>build/tidy.err
  result tidy $?
}
suite_unit() {
  build asan || return
  ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1 run_unit_programs asan
}
suite_tsan() {
  build tsan || return
  # setarch -R: ThreadSanitizer of clang 14 does not know the wider address space randomisation of newer kernels.
  local name
  while read -r name; do
    matches "$name" || continue
    [ -x "build/tsan/tests/unit/$name" ] || { result "tsan/$name (not built)" 1; continue; }
    TSAN_OPTIONS="halt_on_error=1:suppressions=$PWD/tests/tsan.supp" run_criterion "tsan/$name" "build/tsan/tests/unit/$name" setarch -R
  done < <(grep -v '^#' tests/unit/threaded.txt)
}
suite_fuzz() {
  build fuzz || return
  local target name log
  for target in build/fuzz/tests/fuzz/fuzz_*; do
    [ -x "$target" ] && [ -f "$target" ] || continue
    name=$(basename "$target")
    log=build/$name.log
    mkdir -p "build/corpus/$name" "tests/fuzz/corpus/${name#fuzz_}"
    "$target" -max_total_time="$fuzz_seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix="build/$name-" \
      "build/corpus/$name" "tests/fuzz/corpus/${name#fuzz_}" >"$log" 2>&1
    local status=$?
    [ $status -eq 0 ] || tail -30 "$log"
    result "fuzz/$name" $status
  done
}
# How many of pytest's closing line "1 failed, 135 passed in 640.38s (0:10:40)" are so.
counted() { # WORD LINE
  local number
  number=$(grep -oE "[0-9]+ $1" <<<"$2" | cut -d' ' -f1)
  echo "${number:-0}"
}
run_pytest() { # NAME SELECTION [OPTION...]
  local name=$1 selection=$2 log=build/system-$1.log output status f s
  shift 2
  tests/.venv/bin/pytest tests/system -q -rs --durations=10 -m "$selection" "$@" 2>&1 | tee "$log"
  status=${PIPESTATUS[0]}
  output=$(tail -1 "$log")
  f=$(($(counted failed "$output") + $(counted error "$output")))
  s=$(counted skipped "$output")
  passed=$((passed + $(counted passed "$output")))
  failed=$((failed + f + s))
  [ "$f" = 0 ] || failures+=("system ($name)")
  # A test that could not run is not a test that passed.
  [ "$s" = 0 ] || failures+=("system ($name): $s skipped")
  # 0: all passed, 1: some failed, 5: none was selected
  case $status in
    0 | 1) ;;
    5) [ ${#patterns[@]} -ne 0 ] || { failed=$((failed + 1)); failures+=("system ($name): no test"); } ;;
    *) failed=$((failed + 1)); failures+=("system ($name): pytest exit $status") ;;
  esac
}
suite_system() {
  build asan || return
  build release || return
  local select="" pattern
  for pattern in "${patterns[@]}"; do select+="${select:+ or }${pattern}"; done
  run_pytest together "not alone" -n "$jobs" --dist loadfile ${select:+-k "$select"}
  run_pytest alone alone ${select:+-k "$select"}
}

./tests/setup.sh || exit 69
for suite in "${suites[@]}"; do
  say "$suite"
  "suite_$suite"
done
say "done"
[ ${#failures[@]} -eq 0 ] || printf 'failed: %s\n' "${failures[@]}"
printf '%d passed, %d failed\n' "$passed" "$failed"
if [ $((passed + failed)) -eq 0 ]; then
  echo "run.sh: no test matched" >&2
  exit 65
fi
[ "$failed" -eq 0 ]
