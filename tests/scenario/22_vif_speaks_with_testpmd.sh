#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# netback/ alone against DPDK's virtio-user: connects to our sockets, in every
# way it can lay out a ring, and with two queue pairs.  A burst goes round
# between its two ports through vif_patch.

. "$(dirname "$0")/lib.sh"
scenario vif-testpmd

PATCH=$BUILD/tests/scenario/vif_patch
FRAMES=20000

# play QUEUES OPTIONS: until each port has given FRAMES
play() {
	local queues=$1 options=$2 i vdevs=() patch

	"$PATCH" -s -t -n 30 -f $FRAMES -q "$queues" "$STAGE/a" "$STAGE/b" \
		>"$STAGE/log/patch" 2>&1 &
	patch=$!
	stage_until 5 test -S "$STAGE/b" || return
	for i in a b; do
		vdevs+=(--vdev "net_virtio_user$i,path=$STAGE/$i,queues=$queues,queue_size=256$options")
	done
	{
		stage_until 20 grep -q "^port1: link 1, queues $queues/$queues" \
			"$STAGE/log/patch"
		echo "start tx_first 4"
		tail --pid=$patch -f /dev/null
		echo quit
	} | timeout 60 dpdk-testpmd -l 0,1 --no-huge --no-shconf -m 512 \
		--no-pci --file-prefix "cw$$" "${vdevs[@]}" -- -i \
		--forward-mode=io --total-num-mbufs=16384 --rxq="$queues" \
		--txq="$queues" >"$STAGE/log/testpmd" 2>&1
	wait $patch
}

# Each port gave enough, and everything found its way.
went_round() {
	local n

	cat "$STAGE/log/patch"
	for n in $(sed -n 's/^port[01]: .*, rx \([0-9]*\) tx.*/\1/p' \
		"$STAGE/log/patch"); do
		[ "$n" -ge $FRAMES ] || return
	done
	[ "$(grep -c '^port[01]: .* dropped 0,' "$STAGE/log/patch")" = 2 ]
}

while read -r queues options; do
	expect "testpmd comes and goes (${options:-plain}, $queues pairs)" \
		play "$queues" "${options:+,$options}"
	expect "frames go round" went_round
	refuse "nobody was sent away" grep "sent away" "$STAGE/log/patch"
done <<-END2
	1
	1 mrg_rxbuf=0
	1 in_order=1
	1 in_order=1,mrg_rxbuf=0
	1 packed_vq=1
	2
END2

scenario_end
