#!/bin/bash
# Runs fuzz targets for a time each, FUZZ_JOBS (2) at once, and says what each did; fails if one found something.
# usage: tests/fuzz/run.sh DIRECTORY-OF-THE-TARGETS SECONDS TARGET…    (from the root)
# SECONDS 0: the same 20,000 inputs each time, so that a test of today passes tomorrow too.
# New inputs are kept next to the targets, so that the next run goes on from there; findings too.
set -uo pipefail
targets=$1 seconds=$2
shift 2
work=$PWD/$(dirname "$targets")/fuzz-work
mkdir -p "$work/findings" "$work/logs"
rm -f "$work"/findings/*

# Which words help which target.
dictionary_of() {
    case $1 in
    address | client | handshake | media_type | path | query | auth) echo http ;;
    json | message | envelope* | dismissal | headcount | formats | hook_answer | registry_entry | token | queue_message | send_answer) echo json ;;
    inbox | registry | redis_reply | topics) echo redis ;;
    esac
}

run_target() {
    local target=$1 name=${1#fuzz_} log=$work/logs/$1 dictionary
    dictionary=$(dictionary_of "$name")
    mkdir -p "$work/corpus/$name"
    local how=(-max_total_time="$seconds")
    [ "$seconds" != 0 ] || how=(-runs=20000 -seed=1)
    "$targets/$target" "${how[@]}" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="$work/findings/$name-" ${dictionary:+-dict=tests/fuzz/dictionary/$dictionary} \
        "$work/corpus/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1
    local status=$? edges speed
    edges=$(grep -o 'cov: [0-9]*' "$log" | tail -n1)
    speed=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
    printf '%-18s %8s/s  edges %6s  %s\n' "$name" "${speed:-?}" "${edges#cov: }" "$([ $status = 0 ] && echo ok || echo FOUND)"
    [ $status = 0 ] || tail -n 40 "$log"
    return $status
}

export targets seconds work
export -f run_target dictionary_of
began=$(date +%s)
results=$(printf '%s\n' "$@" | xargs -P "${FUZZ_JOBS:-2}" -I TARGET bash -c 'run_target TARGET' | tee /dev/stderr)
failed=$(grep -c ' FOUND$' <<<"$results")
echo "$((${#@} - failed)) passed, $failed failed (fuzz targets) in $(($(date +%s) - began)).0s"
[ "$failed" = 0 ]
