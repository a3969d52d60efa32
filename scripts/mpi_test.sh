#!/bin/sh
# Trains with several processes over each MPI that is installed (Open MPI, MPICH), and compares, byte for byte, with a
# process alone: configs/tiny.ini and, where the corpora are there, configs/multi30k.ini and configs/tatoeba.ini, for 60
# steps of 4 pieces and, these two, 1024 tokens. Then rounds of a small run that is killed or stopped at random moments, as a whole or one rank of
# it, and continues with another number of processes. Last, what is refused, and a disk that is full.
#
#   sh scripts/mpi_test.sh [ROUNDS]      default 20; run it from the project's root, after make
#
# DATA=FOLDER: where multi30k/ and tatoeba/ are, if not in data/. Without an MPI it is skipped.
set -u
rounds=${1:-20}
data=${DATA:-$PWD/data}
root=$PWD
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM
passed=0 failed=0
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 # in a container everybody is root

verdict() { # CONDITION-CODE WHAT
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1)) && echo "ok: $2"
    else
        failed=$((failed + 1)) && echo "FAILED: $2"
    fi
}

# ranks NUMBER ARGUMENT...: becomes the mpirun in use, so it is called in a subshell.
ranks() {
    number=$1
    shift
    case $mpi in
    *openmpi) set -- --oversubscribe -np "$number" "$program" "$@" ;;
    *) set -- -np "$number" "$program" "$@" ;;
    esac
    exec "mpirun$mpi" "$@"
}

same() { # FOLDER FOLDER FILE...
    a=$1 b=$2
    shift 2
    for file in "$@"; do cmp "$a/$file" "$b/$file" || return 1; done
}

compare() { # NAME CONFIG [section.key=value ...]
    name=$1
    shift
    set -- "$@" train.pieces=4 train.max_steps=60 valid.every_steps=40 valid.translate=20
    [ -e "$folder/$name" ] || "$root/build/release/bin/train" "$@" run.dir="$folder/$name" 2>"$folder/said" ||
        { cat "$folder/said" && return 1; }
    for count in 2 4; do
        for threads in 1 2; do
            rm -rf "$folder/many"
            (ranks $count "$@" train.threads=$threads run.dir="$folder/many") >"$folder/said" 2>&1 || cat "$folder/said"
            same "$folder/$name" "$folder/many" model.gguf last.gguf film.jsonl
            verdict $? "$name, 60 steps, mpirun$mpi: $count ranks of $threads threads give the bytes of a process alone"
        done
    done
}

# The processes of a run, by the config that only it has.
processes() { pgrep -f "^[^ ]*bin/train $folder/crash.ini" || true; }

disturb() {
    for side in train valid; do head -n 300 "data/tiny/$side.tsv" >"$folder/$side.tsv"; done
    cat >"$folder/crash.ini" <<INI
[data]
train = $folder/train.tsv
valid = $folder/valid.tsv
[text]
vocab_size = 400
[model]
width = 32
feedforward = 64
encoder_layers = 1
decoder_layers = 1
[train]
max_steps = 150
batch_tokens = 300
pieces = 4
average = 0.9
log_every = 50
threads = 1
[valid]
every_steps = 15
translate = 8
[run]
dir = $folder/run
INI
    [ -e "$folder/calm" ] || "$root/build/release/bin/train" "$folder/crash.ini" run.dir="$folder/calm" 2>"$folder/said"
    kills=0 stops=0 differ=0 slowest=0
    for round in $(seq "$rounds"); do
        rm -rf "$folder/run"
        count=$((round % 4 + 1))
        for attempt in 1 2 3 4 5 6; do
            ranks $count "$folder/crash.ini" >"$folder/said" 2>&1 &
            launcher=$!
            random=$(od -An -N4 -tu4 /dev/urandom)
            if [ $attempt -lt 4 ]; then
                until [ -n "$(processes)" ] || ! kill -0 $launcher 2>/dev/null; do sleep 0.05; done
                sleep "$(echo "$random" | awk '{ print 0.2 + $1 % 1500 / 1000 }')"
                began=$(date +%s%N)
                set -- $(processes)
                if [ $# -gt 0 ] && [ $((random % 3)) -gt 0 ]; then
                    shift $((random / 3 % $#))
                    kill -9 "$1" 2>/dev/null && kills=$((kills + 1))
                else
                    kill -TERM "$launcher" 2>/dev/null && stops=$((stops + 1))
                fi
            fi
            wait $launcher
            code=$?
            if [ $attempt -lt 4 ]; then
                took=$((($(date +%s%N) - began) / 1000000))
                [ $took -le $slowest ] || slowest=$took
            fi
            [ -z "$(processes)" ] || sleep 2
            [ -z "$(processes)" ] || { echo "a rank outlives the others" && differ=$((differ + 1)); }
            [ $code -ne 0 ] || break
            count=$(((count + random / 7 % 3) % 4 + 1)) # another number
        done
        same "$folder/calm" "$folder/run" model.gguf last.gguf film.jsonl && [ "$code" -eq 0 ] ||
            { differ=$((differ + 1)) && grep -a -v '^\(epoch\|validation\)' "$folder/said" | tail -n 5; }
    done
    verdict $differ "mpirun$mpi: $rounds rounds of $kills killed ranks and $stops stops, each continued on another number of ranks, $differ with other bytes; the slowest took $slowest ms to end, or to come to its own end"
}

# refuses WHAT PART...: the one line of ours in $folder/said has all parts.
refuses() {
    what=$1
    shift
    ours=$(grep -a '^train: ' "$folder/said")
    code=0
    [ "$(echo "$ours" | wc -l)" -eq 1 ] || code=1
    for part in "$@"; do case $ours in *"$part"*) ;; *) code=1 ;; esac done
    [ $code -eq 0 ] || cat "$folder/said"
    verdict $code "mpirun$mpi: $what is refused: $ours"
}

faults() {
    rm -rf "$folder/run"
    (ranks 8 "$folder/crash.ini") >"$folder/said" 2>&1
    refuses "a rank without a piece" "train.pieces" "8 processes"
    (ranks 1 "$folder/crash.ini" : -np 1 "$program" "$folder/crash.ini" train.seed=2) >"$folder/said" 2>&1
    refuses "another config" "train.seed = 1" "train.seed = 2"
    (ranks 1 "$folder/crash.ini" : -np 1 env NMT_ISA=generic "$program" "$folder/crash.ini") >"$folder/said" 2>&1
    refuses "another instruction set" "instruction set = " "instruction set = generic"
    cp "$program" "$folder/other" && echo >>"$folder/other"
    (ranks 1 "$folder/crash.ini" : -np 1 "$folder/other" "$folder/crash.ini") >"$folder/said" 2>&1
    refuses "another program" "program = "
    head -n 200 data/tiny/train.tsv >"$folder/fewer.tsv"
    (ranks 1 "$folder/crash.ini" : -np 1 "$program" "$folder/crash.ini" data.train="$folder/fewer.tsv" \
        run.dir="$folder/own") >"$folder/said" 2>&1
    refuses "another corpus" "checksum of the training pairs = "
    rm -rf "$folder/run" && mkdir "$folder/run"
    if mount -t tmpfs -o size=400k tmpfs "$folder/run" 2>/dev/null; then
        (ranks 2 "$folder/crash.ini") >"$folder/said" 2>&1
        refuses "what does not fit the disk" "No space left on device"
        umount "$folder/run"
    else
        echo "skipped: a full disk (only root can make one)"
    fi
    rm -rf "$folder/run"
    (ranks 3 "$folder/crash.ini") >"$folder/said" 2>&1
    same "$folder/calm" "$folder/run" model.gguf last.gguf
    verdict $? "mpirun$mpi: after all of that, the run has the bytes of a process alone"
}

found=
for mpi in .openmpi .mpich ""; do
    command -v "mpicc$mpi" >/dev/null && command -v "mpirun$mpi" >/dev/null || continue
    [ -n "$mpi" ] || [ -z "$found" ] || continue
    found=yes
    program=$root/build/mpi$mpi/bin/train
    make -s MPI=1 MPICC="mpicc$mpi" B="build/mpi$mpi" "build/mpi$mpi/bin/train" || exit 1
    compare tiny configs/tiny.ini model.dropout=0.1
    disturb
    faults
    for corpus in multi30k tatoeba; do
        case $corpus in
        multi30k) train=$data/multi30k/train.en+$data/multi30k/train.fr valid=$data/multi30k/val.en+$data/multi30k/val.fr ;;
        tatoeba) train=$data/tatoeba/train.tsv valid=$data/tatoeba/valid.tsv ;;
        esac
        if [ -d "$data/$corpus" ]; then
            compare $corpus configs/$corpus.ini train.batch_tokens=1024 data.train="$train" data.valid="$valid"
        else
            echo "skipped: configs/$corpus.ini (sh scripts/get-data.sh $corpus fetches its corpus)"
        fi
    done
done
[ -n "$found" ] || { echo "skipped: no mpicc and mpirun (Debian: libopenmpi-dev or libmpich-dev)" &&
    echo "0 passed, 0 failed, 1 skipped" && exit 0; }
! nm build/release/bin/train | grep -q MPI_
verdict $? "the default ./train has no symbol of MPI"
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
