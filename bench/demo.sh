#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# demo.sh OPTION... - TPC-C through Oriel and on the stock VFS, side by side
#
# $ORIEL_TPCC is the program.  Two warehouses (150 MB) and two terminals, and
# Oriel as it comes: a pool of 128 MiB, all of which each terminal sees.  The
# stock side has as much memory, for the page cache.  Windows that are smaller
# than the pool cost time, and are for pools that are too large to map whole:
# --pool-size 64M --window 8M shows what.
# Everything is made in ${TMPDIR:-/var/tmp} and removed.

exec "${ORIEL_TPCC:-oriel-tpcc}" --compare \
    --warehouses 2 --terminals 2 --seconds 30 "$@"
