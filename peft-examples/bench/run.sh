#!/usr/bin/env bash
# Measures peft4j and Hugging Face PEFT one after the other, and makes a table.
#
#   peft-examples/bench/run.sh LINES 'OPTIONS' …
#
# LINES is a file that the lines of JSON are added to. OPTIONS are those of Bench that hugging_face.py has, too, such as
# '--shape 160m --batch 8 --length 512 --cases train'; the name of a file stands for its lines. Variables choose the rest:
#
#   JAVA      the java command, with options: that of JAVA_HOME, or java
#   CP        the class path of peft-examples: what `mvn package` leaves
#   PYTHON    a Python with torch, transformers and peft: python3
#   SIDES     peft4j eager compile
#   REPEAT    how often all is measured, in turns; medians count: 1
#   REVISION  of the code: git's
#   CSV       a file for a row of each machine, revision and case: none
#
# It goes on after a failure, and then ends with the exit code 1.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
(($# > 1)) || { sed -n '/^#!/d;/^#/!q;s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }

lines=$1
shift
mkdir -p "$(dirname "$lines")"
java=${JAVA:-${JAVA_HOME:+$JAVA_HOME/bin/}java}
classes=${CP:-$here/../target/classes:$(<"$here/../target/classpath.txt")}
revision=${REVISION-$(git -C "$here" describe --always --dirty)}
failed=0

program() { $java -DOPT_OUT_TRACKING=true -cp "$classes" "io.github.peft4j.examples.$1" "${@:2}"; }

# What a side prints for some options, without what its libraries print.
measure() {
    local side=$1 options
    read -ra options <<<"$2"
    [[ -z $revision ]] || options+=(--revision "$revision")
    echo "$side: ${options[*]}" >&2
    if [[ $side == peft4j ]]; then
        program Bench "${options[@]}"
    else
        "${PYTHON:-python3}" -W ignore "$here/hugging_face.py" --side "$side" "${options[@]}"
    fi | { grep '^{' || true; } | tee -a "$lines"
}

all=()
for options in "$@"; do
    if [[ -f $options ]]; then
        while IFS= read -r line; do all+=("$line"); done < <(grep -v '^#' "$options")
    else
        all+=("$options")
    fi
done

for ((i = 0; i < ${REPEAT:-1}; i++)); do
    for options in "${all[@]}"; do
        for side in ${SIDES:-peft4j eager compile}; do
            measure "$side" "$options" || failed=1
        done
    done
done

program BenchTable --lines "$lines" ${CSV:+--csv "$CSV"} || failed=1
exit "$failed"
