#!/bin/sh
# Trains with several processes over each MPI that is installed (Open MPI, MPICH), and compares, byte for byte, with a
# process alone: configs/tiny.ini and, where the corpora are there, configs/multi30k.ini and configs/tatoeba.ini, for 60
# steps of 4 pieces and, these two, 1024 tokens. Then rounds of a small run that is killed or stopped at random moments,
# as a whole or one rank of it, and continues with another number of processes. Last, what is refused, a disk that is
# full, and a rank that is stopped for a while. The MPIs take their turns at the same time.
#
#   sh scripts/mpi_test.sh [ROUNDS]      default 20; run it from the project's root, after make
#
# With fewer than 20 rounds, each is shorter, and only two pairs of ranks and threads are compared, without the large
# corpora. DATA=FOLDER: where multi30k/ and tatoeba/ are, if not in data/. Without an MPI it is skipped.
set -u
rounds=${1:-20}
if [ "$rounds" -lt 20 ]; then
    pairs="2:2 4:1" disturbed=2 corpora=
else
    pairs="2:1 2:2 4:1 4:2" disturbed=3 corpora="multi30k tatoeba"
fi
data=${DATA:-$PWD/data}
root=$PWD
all=$(mktemp -d)
found= # processes in the background; they ignore Ctrl-C. The folder's name is in every command that they start
trap 'rm -rf "$all"' EXIT
trap 'kill $found $(pgrep -f "$all/") 2>/dev/null; wait; exit 1' INT TERM
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 # in a container everybody is root

verdict() { # CONDITION-CODE WHAT
    if [ "$1" -eq 0 ]; then
        echo "1 0" >>"$all/verdicts" && echo "ok: $2"
    else
        echo "0 1" >>"$all/verdicts" && echo "FAILED: $2"
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
        { cat "$folder/said"; verdict 1 "$name, 60 steps, a process alone"; return 1; }
    for pair in $pairs; do
        count=${pair%:*} threads=${pair#*:}
        rm -rf "$folder/many"
        (ranks $count "$@" train.threads=$threads run.dir="$folder/many") >"$folder/said" 2>&1 || cat "$folder/said"
        same "$folder/$name" "$folder/many" model.gguf last.gguf film.jsonl
        verdict $? "$name, 60 steps, mpirun$mpi: $count ranks of $threads threads give the bytes of a process alone"
    done
}

# The processes of a run, by the config that only it has, or the folder.
processes() { pgrep -f "^[^ ]*bin/train $folder/crash.ini${1:-\$}" || true; }

# A small run, and what it comes to when nothing disturbs it.
prepare() {
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
    "$root/build/release/bin/train" "$folder/crash.ini" run.dir="$folder/calm" 2>"$folder/said"
}

disturb() {
    kills=0 stops=0 differ=0 slowest=0
    for round in $(seq "$rounds"); do
        rm -rf "$folder/run"
        count=$((round % 4 + 1))
        for attempt in 1 2 3 4 5 6; do
            ranks $count "$folder/crash.ini" >"$folder/said" 2>&1 &
            launcher=$!
            random=$(od -An -N4 -tu4 /dev/urandom)
            if [ $attempt -le $disturbed ]; then
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
            if [ $attempt -le $disturbed ]; then
                took=$((($(date +%s%N) - began) / 1000000))
                [ $took -le $slowest ] || slowest=$took
            fi
            [ -z "$(processes)" ] || sleep 2
            [ -z "$(processes)" ] || { echo "a rank outlives the others" && differ=$((differ + 1)); }
            # MPICH's mpirun sometimes ends with 0 after SIGTERM, whatever its processes end with.
            [ $code -ne 0 ] || ! grep -a -q -E '^(done: |nothing left to do)' "$folder/said" || break
            count=$(((count + random / 7 % 3) % 4 + 1)) # another number
        done
        same "$folder/calm" "$folder/run" model.gguf last.gguf film.jsonl && [ "$code" -eq 0 ] ||
            { differ=$((differ + 1)) && grep -a -v '^\(epoch\|validation\)' "$folder/said" | tail -n 5; }
    done
    verdict $differ "mpirun$mpi: $rounds rounds of $kills killed ranks and $stops stops, each continued on another number of ranks, $differ with other bytes; the slowest took $slowest ms to end, or to come to its own end"
}

# A rank of another run is stopped for a while: freeze begins it, thaw ends it.
freeze() {
    (ranks 3 "$folder/crash.ini" run.dir="$folder/frozen") >"$folder/frozen.said" 2>&1 &
    launcher=$!
    until [ -e "$folder/frozen/model.gguf" ] || ! kill -0 $launcher 2>/dev/null; do sleep 0.1; done
    frozen=$(processes " run.dir=$folder/frozen" | sed -n 2p)
    kill -STOP "$frozen"
}
thaw() {
    for second in $(seq 60); do
        ! grep -q "waiting for" "$folder/frozen.said" || break
        sleep 1
    done
    kill -CONT "$frozen"
    wait $launcher
    grep -a -q "^train: waiting for rank . (.*, process $frozen) for 30 s" "$folder/frozen.said" &&
        same "$folder/calm" "$folder/frozen" model.gguf last.gguf
    verdict $? "mpirun$mpi: a rank that is stopped is named, and the run has the bytes of a process alone: $(grep -a -m 1 waiting "$folder/frozen.said")"
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

# Begins with the objects of the release build: all are the same, except one.
build() {
    if [ ! -e "build/mpi$mpi" ]; then
        cp -a build/release "build/mpi$mpi"
        rm -f "build/mpi$mpi/internal.a" "build/mpi$mpi/bin/train"
        find "build/mpi$mpi" -name '*.d' -exec sed -i "s|build/release/|build/mpi$mpi/|g" {} +
    fi
    make -s MPI=1 MPICC="mpicc$mpi" B="build/mpi$mpi" "build/mpi$mpi/bin/train"
}

# All of it, with one MPI.
check() {
    folder=$all/mpi$mpi program=$root/build/mpi$mpi/bin/train
    mkdir "$folder"
    prepare
    freeze
    (disturb && faults && compare tiny configs/tiny.ini model.dropout=0.1)
    thaw
    for corpus in $corpora; do
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
}

for mpi in .openmpi .mpich ""; do
    command -v "mpicc$mpi" >/dev/null && command -v "mpirun$mpi" >/dev/null || continue
    [ -n "$mpi" ] || [ -z "$found" ] || continue
    build || exit 1
    (check) &
    found="$found $!"
done
[ -n "$found" ] || { echo "skipped: no mpicc and mpirun (Debian: libopenmpi-dev or libmpich-dev)" &&
    echo "0 passed, 0 failed, 1 skipped" && exit 0; }
for one in $found; do wait $one; done
! nm build/release/bin/train | grep -q MPI_
verdict $? "the default ./train has no symbol of MPI"
awk '{ passed += $1; failed += $2 } END { print passed " passed, " failed " failed, 0 skipped"; exit failed > 0 }' "$all/verdicts"
