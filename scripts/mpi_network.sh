#!/bin/sh
# Two processes on this machine as if on two computers: each in a network namespace of its own, with an address and a
# host name of its own, and between them a cable (scripts/mpi_network.py). Prints what went through it next to what the
# model of the exchange says (src/train/combine.h), and the time of a step and of its exchange.
#
#   sh scripts/mpi_network.sh CONFIG [section.key=value ...]
#
# RATE=1000: Mbit/s; DELAY=1: milliseconds in each direction; STEPS=10: how many are counted. Needs root, ip (Debian:
# iproute2), python3 and Open MPI.
set -eu
rate=${RATE:-1000} delay=${DELAY:-1} more=${STEPS:-10} cable=
for tool in ip python3 mpicc.openmpi mpirun.openmpi; do
    command -v $tool >/dev/null || { echo "skipped: no $tool" && exit 0; }
done
[ "$(id -u)" = 0 ] && [ -e /dev/net/tun ] || { echo "skipped: only root can make a network, with /dev/net/tun" && exit 0; }
make -s MPI=1 MPICC=mpicc.openmpi B=build/mpi.openmpi build/mpi.openmpi/bin/train
folder=$(mktemp -d)
trap '[ -z "$cable" ] || kill $cable; ip netns del nmt1 2>/dev/null; ip netns del nmt2 2>/dev/null; rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM
for n in 1 2; do ip netns add nmt$n && ip -n nmt$n link set lo up; done
python3 scripts/mpi_network.py "${rate}e6" "$delay" "$folder/counts" nmt1 nmt2 &
cable=$!
for n in 1 2; do
    until ip -n nmt$n link show cable >/dev/null 2>&1; do kill -0 $cable && sleep 0.1; done
    ip -n nmt$n addr add 10.73.0.$n/24 dev cable
    ip -n nmt$n link set cable up
done
# What mpirun calls in place of ssh: a host name, and a command. Each namespace is a host.
cat >"$folder/agent" <<'SH'
#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
n=${1##*.}
shift
exec ip netns exec nmt$n unshare --uts sh -c "hostname node$n; exec $*"
SH
chmod +x "$folder/agent"
counted() { cut -d ' ' -f 1 "$folder/counts" | grep . || echo 0; }
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
run() { # STEPS ARGUMENT...
    steps=$1
    shift
    ip netns exec nmt1 unshare --uts sh -c 'hostname node1; exec "$@"' sh mpirun.openmpi \
        --mca plm_rsh_agent "$folder/agent" --mca btl tcp,self --mca btl_tcp_if_include 10.73.0.0/24 \
        --mca oob_tcp_if_include 10.73.0.0/24 --oversubscribe -H 10.73.0.1:1,10.73.0.2:1 -np 2 \
        "$PWD/build/mpi.openmpi/bin/train" "$@" --fresh train.pieces=2 train.threads=1 train.max_steps="$steps" \
        valid.every_steps=100000 valid.translate=0 valid.metric=loss run.dir="$folder/run" >"$folder/said" 2>&1 || { cat "$folder/said"; exit 1; }
}
# The difference of two runs is what their further steps sent.
sent=0
for steps in 2 $((2 + more)); do
    before=$(counted)
    run $steps "$@"
    sent=$(($(counted) - before - sent))
done
model=$(sed -n 's/.* \([0-9,]*\) parameters.*/\1/p' "$folder/said" | tr -d , | awk '{ print 4 * $1 }')
echo "network of $rate Mbit/s, $delay ms in each direction; train.pieces = 2, two processes of one thread"
grep -o 'a step took .*' "$folder/said"
echo "$((sent / more)) bytes a step left the first computer; the model says $model, which leaves" \
    "$(echo "$sent $more $model" | awk '{ printf "%.1f%%", 100 * ($1 / $2 / $3 - 1) }') for headers and acknowledgements"
