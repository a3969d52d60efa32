#!/usr/bin/env python3
"""A cable between two computers that are network namespaces: of a rate, and with a delay in each direction.

usage: mpi_network.py BITS_A_SECOND DELAY_MS COUNTS NAMESPACE NAMESPACE

Each namespace gets a device "cable", which this program reads and writes (a tun device), so no kernel is too small for
it. COUNTS is a file with the bytes that each of the two has sent, as they would be on Ethernet. It runs until it is
killed. The kernel hands over up to 64 KB of TCP at once, as it does to a network card, which cuts them into packets;
here they stay whole, but take the time, and count the bytes, of their packets."""
import collections, fcntl, os, select, struct, subprocess, sys, time

TUNSETIFF, TUNSETOFFLOAD = 0x400454CA, 0x400454D0
TUN, NO_PI, VNET_HDR = 0x0001, 0x1000, 0x4000
CHECKSUMS, SEGMENTS = 1, 2 | 4
INFO = struct.Struct("=BBHHHH")  # before each packet: flags, kind, bytes of headers, most bytes of a packet, ...
ETHERNET = 14 + 4                # bytes of a packet's frame
GAP = 8 + 12                     # bytes of time between two frames
AHEAD = 0.001                    # seconds of packets that the cable has taken but not yet sent


def open_device(namespace):
    """Made here, and moved: it stays open."""
    name = "cable-" + namespace
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), TUN | NO_PI | VNET_HDR))
    fcntl.ioctl(device, TUNSETOFFLOAD, CHECKSUMS | SEGMENTS)
    subprocess.run(["ip", "link", "set", name, "netns", namespace, "name", "cable"], check=True)
    return device


def count_packets(block):
    """How many packets a block becomes, and their bytes."""
    _, kind, headers, most, _, _ = INFO.unpack_from(block)
    size = len(block) - INFO.size
    packets = -(-(size - headers) // most) if kind else 1
    return packets, size + (packets - 1) * headers + packets * ETHERNET


def carry(rate, delay, counts, devices):
    sent = [0, 0]                                          # bytes
    free = [0.0, 0.0]                                      # when all that was taken will have been sent
    under_way = [collections.deque(), collections.deque()] # when it arrives, and what
    while True:
        now = time.monotonic()
        ready, wake = [], now + 1
        for side in 0, 1:
            while under_way[side] and under_way[side][0][0] <= now:
                try:
                    os.write(devices[1 - side], under_way[side].popleft()[1])
                except OSError:
                    pass  # a device that is not up, or full: the packet is lost
            if under_way[side]:
                wake = min(wake, under_way[side][0][0])
            if free[side] < now + AHEAD:
                ready.append(devices[side])
            else:
                wake = min(wake, free[side] - AHEAD)
        for device in select.select(ready, [], [], max(0, wake - time.monotonic()))[0]:
            side = devices.index(device)
            block = os.read(device, 1 << 17)
            packets, size = count_packets(block)
            sent[side] += size
            os.pwrite(counts, b"%d %d\n" % tuple(sent), 0)
            free[side] = max(free[side], time.monotonic()) + (size + packets * GAP) * 8 / rate
            under_way[side].append((free[side] + delay, block))


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))  # it waits for nobody, as a cable does
    carry(float(sys.argv[1]), float(sys.argv[2]) / 1000, os.open(sys.argv[3], os.O_RDWR | os.O_CREAT | os.O_TRUNC),
          [open_device(namespace) for namespace in sys.argv[4:]])
