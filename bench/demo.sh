#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# demo.sh OPTION... - TPC-C through Oriel and on the stock VFS, side by side
#
# $ORIEL_TPCC is the program.  Two warehouses (150 MB) and two terminals;
# Oriel's pool holds 64 MiB of the database and each terminal sees 8 MiB of the
# pool at once.  The stock side has as much memory for the page cache.
# Everything is made in ${TMPDIR:-/var/tmp} and removed.

exec "${ORIEL_TPCC:-oriel-tpcc}" --compare \
    --warehouses 2 --terminals 2 --seconds 30 \
    --pool-size 64M --window 8M "$@"
