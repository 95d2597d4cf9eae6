# SPDX-License-Identifier: BSD-2-Clause
#
# One test is one behaviour, and named for it.  To add one:
#   tests/NAME.c that uses the library          -> tests_c
#   tests/NAME.c that looks inside the library  -> tests_inside
#   tests/NAME.c that uses SQLite and the VFS   -> tests_sqlite
#   tests/NAME.sh                               -> tests_sh (mode 644 will do)
# Sorted, one a line.  A C program that only scripts run goes to
# tests_programs; headers, data and shell functions go to EXTRA_DIST.

# Linked with liboriel.
tests_c = \
	tests/changed-file-is-read-again \
	tests/changed-file-with-dirty-pages-is-estale \
	tests/check-is-clean-on-a-busy-pool \
	tests/cloned-child-gets-eownerdead \
	tests/cold-pages-are-read-as-copies \
	tests/copies-match-a-shadow \
	tests/copies-of-ended-threads-are-given-back \
	tests/copy-of-a-cut-file-is-efault \
	tests/copying-read-needs-no-slot \
	tests/counters-outlive-threads-and-processes \
	tests/cut-pages-are-reported-and-read-again \
	tests/cut-pool-is-survived-behind-another-handler \
	tests/cut-pool-under-load \
	tests/cut-pool-without-room-is-eio \
	tests/cut-tables-are-eio \
	tests/damaged-page-is-eio \
	tests/dead-writers-page-hides-no-cut \
	tests/dirty-without-write-pin-is-einval \
	tests/discard-forgets-cached-pages \
	tests/double-write-area-belongs-to-its-file \
	tests/double-write-area-is-in-one-pool \
	tests/drop-dirty-forgets-only-those \
	tests/drop-forgets-all-pages \
	tests/drop-pages-forgets-those \
	tests/error-text-names-the-object \
	tests/every-call-at-once \
	tests/evict-frees-what-is-clean \
	tests/eviction-keeps-every-page \
	tests/exec-leaves-the-pool \
	tests/exit-with-pinned-pages-leaks-nothing \
	tests/failed-write-keeps-pages-dirty \
	tests/faults-in-views-are-answered \
	tests/faults-of-many-threads-are-answered \
	tests/fence-mode-works \
	tests/file-descriptor-is-the-files \
	tests/file-open-refuses-what-is-no-file \
	tests/file-with-hooks-refuses-others \
	tests/files-are-listed-with-their-pages \
	tests/files-read-in-order-are-read-ahead \
	tests/first-pin-of-a-thread-holds \
	tests/flush-without-memory-takes-slots \
	tests/flush-writes-sorted-runs \
	tests/foreign-dirty-pages-are-their-writers \
	tests/foreign-file-is-not-judged \
	tests/fork-twice-unmaps-nothing-else \
	tests/forked-child-gets-eownerdead \
	tests/forked-child-keeps-no-one-alive \
	tests/forked-child-sees-what-is-pinned \
	tests/hits-write-only-the-ledger \
	tests/holes-are-not-filled-at-open \
	tests/hooks-refuse-bad-arguments \
	tests/hooks-stand-between-pool-and-store \
	tests/huge-pages-are-found-on-tmpfs \
	tests/io-of-the-dead-lands-nowhere-else \
	tests/killed-pool-restarts-warm \
	tests/killed-process-blocks-no-one \
	tests/killed-process-is-not-alive \
	tests/killed-viewer-leaves-the-old-pages \
	tests/killed-writer-leaves-the-old-lsn \
	tests/latch-excludes-processes \
	tests/latch-excludes-threads \
	tests/latch-of-own-thread-is-edeadlk \
	tests/latency-percentiles-are-close \
	tests/lazy-slots-are-mapped-at-touch \
	tests/list-names-the-pools \
	tests/locked-window-takes-no-major-fault \
	tests/locking-beyond-the-limit-is-eperm \
	tests/loops-larger-than-the-pool-keep-a-part \
	tests/names-and-version \
	tests/neighbours-are-shown-by-one-call \
	tests/null-arguments-are-einval \
	tests/one-file-by-many-paths-is-one \
	tests/one-barrier-serves-many-evictions \
	tests/open-files-beyond-maximum-are-enfile \
	tests/optimistic-copies-are-whole \
	tests/optimistic-read-notices-writers \
	tests/options-init-sets-defaults \
	tests/options-set-refuses-bad-text \
	tests/options-set-takes-each-name \
	tests/oversized-window-is-as-large-as-its-pool \
	tests/page-beyond-end-is-zeroes \
	tests/pages-of-a-file-are-listed \
	tests/pages-read-ahead-evict-no-hot-page \
	tests/pages-wait-for-their-log \
	tests/pages-wanted-again-later-are-kept \
	tests/pages-without-a-log-leave-room-to-others \
	tests/pin-anythread-outlives-its-thread \
	tests/pin-beyond-largest-offset-is-efbig \
	tests/pin-fresh-reads-nothing \
	tests/pin-hint-shows-the-right-page \
	tests/pin-holds-says-what-a-pin-would-find \
	tests/pin-many-is-all-or-nothing \
	tests/pin-moves-to-another-page \
	tests/pin-nowait-is-eagain \
	tests/pin-refuses-flags-that-clash \
	tests/pin-shows-the-store \
	tests/pins-beyond-pool-are-enobufs \
	tests/pins-beyond-thread-limit-are-enobufs \
	tests/pins-beyond-window-are-enobufs \
	tests/pins-go-on-when-vmas-run-out \
	tests/pool-all-dirty-makes-room \
	tests/pool-beyond-file-size-limit-is-efbig \
	tests/pool-close-refuses-open-files \
	tests/pool-destroy-refuses-attached \
	tests/pool-full-of-processes-is-eusers \
	tests/pool-is-shared-by-processes \
	tests/pool-lives-on-hugetlbfs \
	tests/pool-name-with-slash-is-a-path \
	tests/pool-of-another-boot-is-recreated \
	tests/pool-of-another-user-is-eperm \
	tests/pool-of-something-else-is-eproto \
	tests/pool-of-wrong-mode-is-eperm \
	tests/pool-on-full-tmpfs-is-enospc \
	tests/pool-open-creates-and-attaches \
	tests/pool-open-obeys-attach-and-excl \
	tests/pool-open-refuses-bad-geometry \
	tests/pool-page-size-mismatch-is-einval \
	tests/pool-stays-warm-after-detach \
	tests/pool-symlink-is-eloop \
	tests/pool-truncated-is-eproto \
	tests/pool-with-changed-geometry-is-eproto \
	tests/pool-with-flipped-header-is-eproto \
	tests/pool-with-random-damage-never-crashes \
	tests/populate-maps-what-it-says \
	tests/prefetch-brings-what-is-missing \
	tests/prefetch-of-a-stopped-process-blocks-no-one \
	tests/prefetch-returns-before-the-reads-are-done \
	tests/random-swaps-show-the-right-page \
	tests/read-of-own-written-page-is-edeadlk \
	tests/read-only-file-refuses-writes \
	tests/recreated-file-never-meets-old-pages \
	tests/refilled-frames-are-lost-once \
	tests/refresh-takes-the-stores-size \
	tests/resize-under-kills \
	tests/refused-open-keeps-posix-locks \
	tests/residency-locks-what-is-shown \
	tests/scans-leave-what-is-hot \
	tests/signals-are-given-back \
	tests/signals-are-passed-on-as-the-kernel-would \
	tests/slots-beyond-vma-budget-are-enomem \
	tests/stats-move-for-their-cause \
	tests/stopped-process-is-not-repaired \
	tests/stray-access-behind-the-pool-grows-nothing \
	tests/stray-access-is-named \
	tests/stress-processes \
	tests/stress-threads \
	tests/strict-windows-serve-many-threads \
	tests/synced-pages-are-in-the-store \
	tests/thread-exit-leaves-the-old-page \
	tests/thread-exit-unpins \
	tests/threads-beyond-maximum-are-refused \
	tests/threads-that-block-signals-are-answered \
	tests/tool-drop-empties \
	tests/tool-ls-lists-the-pools \
	tests/tool-rm-refuses-attached \
	tests/tool-resize-keeps-every-page \
	tests/tool-stat-adds-up \
	tests/tool-top-shows-rates \
	tests/tool-warm-makes-hits \
	tests/tool-watches-a-pool-in-trouble \
	tests/truncate-cuts-pool-and-store \
	tests/two-pools-in-one-process \
	tests/two-threads-one-page-do-not-slow-down \
	tests/unmapped-slots-come-back \
	tests/unpin-twice-is-einval \
	tests/views-and-pins-block-no-one \
	tests/views-meet-no-half-written-page \
	tests/views-show-pages-in-order \
	tests/watch-refuses-all-else \
	tests/watch-works-on-a-full-pool \
	tests/watch-works-while-a-process-is-stopped \
	tests/watched-pool-that-is-cut-is-eio \
	tests/window-64-times-smaller-shows-every-page \
	tests/window-shows-a-pool-larger-than-the-address-space \
	tests/window-takes-slots-of-each-size \
	tests/window-trim-gives-back-and-pins-hold \
	tests/windows-ahead-double-and-end \
	tests/words-are-shared-and-stay \
	tests/write-back-thread-minds-its-own \
	tests/write-pins-beyond-images-are-enobufs \
	$(NULL)

# Of those, what valgrind cannot run: touches that the fault handler answers (cut,
# lazy, trimmed and unmapped slots, stray accesses) are errors to it; of address
# space, mappings and locked memory it takes its own; it lacks userfaultfd, and
# 3.19 aborts at a ring's mapping at times.  Or would take too long over: stress,
# many swaps.
tests_not_under_valgrind = \
	tests/check-is-clean-on-a-busy-pool \
	tests/copy-of-a-cut-file-is-efault \
	tests/cut-pages-are-reported-and-read-again \
	tests/cut-pool-is-survived-behind-another-handler \
	tests/cut-pool-under-load \
	tests/cut-pool-without-room-is-eio \
	tests/cut-tables-are-eio \
	tests/dead-writers-page-hides-no-cut \
	tests/every-call-at-once \
	tests/faults-in-views-are-answered \
	tests/faults-of-many-threads-are-answered \
	tests/forked-child-sees-what-is-pinned \
	tests/hits-write-only-the-ledger \
	tests/huge-pages-are-found-on-tmpfs \
	tests/io-of-the-dead-lands-nowhere-else \
	tests/killed-process-blocks-no-one \
	tests/lazy-slots-are-mapped-at-touch \
	tests/locked-window-takes-no-major-fault \
	tests/locking-beyond-the-limit-is-eperm \
	tests/pins-go-on-when-vmas-run-out \
	tests/pool-lives-on-hugetlbfs \
	tests/pool-on-full-tmpfs-is-enospc \
	tests/pool-with-changed-geometry-is-eproto \
	tests/pool-with-flipped-header-is-eproto \
	tests/pool-with-random-damage-never-crashes \
	tests/prefetch-of-a-stopped-process-blocks-no-one \
	tests/random-swaps-show-the-right-page \
	tests/refilled-frames-are-lost-once \
	tests/residency-locks-what-is-shown \
	tests/signals-are-passed-on-as-the-kernel-would \
	tests/slots-beyond-vma-budget-are-enomem \
	tests/stray-access-is-named \
	tests/stress-processes \
	tests/stress-threads \
	tests/threads-that-block-signals-are-answered \
	tests/tool-watches-a-pool-in-trouble \
	tests/two-threads-one-page-do-not-slow-down \
	tests/unmapped-slots-come-back \
	tests/views-show-pages-in-order \
	tests/window-64-times-smaller-shows-every-page \
	tests/window-shows-a-pool-larger-than-the-address-space \
	tests/window-takes-slots-of-each-size \
	tests/window-trim-gives-back-and-pins-hold \
	tests/write-back-thread-minds-its-own \
	$(NULL)

# What measures time, or who comes first: run after all others, also with
# make -j.
tests_alone = \
	tests/bench-window-measures-hugetlbfs \
	tests/two-threads-one-page-do-not-slow-down \
	tests/vfs-leases-are-recalled \
	tests/vfs-waiting-writers-are-bounded \
	tests/vfs-writers-wait-their-turn \
	$(NULL)

# Linked with libcore, and may include headers of src.
tests_inside = \
	tests/area-is-believed-where-it-is-whole \
	tests/cancelled-thread-ends-no-call \
	tests/check-finds-planted-damage \
	tests/checkpoint-lets-others-go-on \
	tests/copies-that-are-out-of-date-are-not-written \
	tests/cut-beside-a-copied-write-is-noticed \
	tests/cut-bytes-are-not-read-ahead \
	tests/cut-is-mended-by-one-process-at-a-time \
	tests/cut-twice-hides-no-loss \
	tests/direct-transfers-are-aligned-as-the-kernel-says \
	tests/dirty-pages-whose-memory-is-gone-leave-room \
	tests/double-write-area-is-synced-before-it-is-relied-on \
	tests/double-write-area-is-waited-for \
	tests/double-write-reports-errors \
	tests/double-write-survives-kills \
	tests/double-write-survives-power-loss \
	tests/dropped-pages-are-whole-in-the-store \
	tests/every-failing-call-is-an-error \
	tests/failed-sync-is-told-to-all \
	tests/failed-truncate-changes-nothing \
	tests/file-without-birth-time-is-known-by-its-handle \
	tests/flush-leaves-no-reader-behind \
	tests/flush-of-a-pool-cut-meanwhile-is-eio \
	tests/flush-tells-of-pages-that-changed-meanwhile \
	tests/flush-waits-for-what-another-writes \
	tests/foreign-file-is-read-ahead-while-stable \
	tests/foreign-files-are-written-by-no-ring \
	tests/fork-beside-a-new-ring-is-safe \
	tests/given-up-slots-are-inaccessible \
	tests/grown-pool-hides-no-cut \
	tests/guards-end-with-their-copy \
	tests/half-cut-store-is-cut-before-it-is-written \
	tests/half-written-page-of-lost-memory-is-told \
	tests/hand-passes-no-page-that-cooled \
	tests/huge-pages-are-found-by-old-kernels \
	tests/killed-writer-leaves-the-old-page \
	tests/latch-between-two-turns-is-no-damage \
	tests/lengthening-never-cuts \
	tests/locking-on-fault-has-a-fallback \
	tests/log-callback-that-waits-for-itself-is-edeadlk \
	tests/loss-found-beside-a-failing-sync-is-told \
	tests/mapped-file-is-synced-for-all-who-ask \
	tests/mapped-files-are-whole-and-never-a-signal \
	tests/mapped-pages-are-in-the-area-first \
	tests/memory-of-a-forked-child-stays \
	tests/moved-pins-are-seen \
	tests/moved-pins-are-seen-by-a-child \
	tests/no-page-overtakes-its-log \
	tests/old-copies-never-come-back \
	tests/open-waits-for-a-close \
	tests/page-dropped-again-and-again-has-room \
	tests/page-in-doubt-is-the-engines \
	tests/page-lost-while-a-hole-is-filled-is-told \
	tests/page-that-cannot-be-read-fails-alone \
	tests/page-that-cannot-be-written-fails-alone \
	tests/pages-are-on-huge-pages \
	tests/pages-are-written-atomically-where-that-works \
	tests/pages-of-others-are-not-written-to-make-room \
	tests/pages-that-cannot-be-written-leave-the-others \
	tests/pages-without-userfaultfd-are-written-from-copies \
	tests/pin-shown-neither-loads-nor-swaps \
	tests/pool-on-hugetlbfs-wants-fallocate \
	tests/pool-whose-boot-is-not-known-is-kept \
	tests/pool-works-without-newer-calls \
	tests/posix-locks-stand-in-for-ofd-locks \
	tests/reads-end-where-the-ledger-is-nearly-full \
	tests/refused-pool-leaves-no-memory-behind \
	tests/remembered-frames-are-looked-at \
	tests/repair-waits-for-who-cuts \
	tests/resize-grows-and-shrinks \
	tests/resize-tries-again-what-failed-once \
	tests/resize-waits-for-no-idle-process \
	tests/restored-pages-are-written-until-a-sync-succeeds \
	tests/restored-pages-make-the-file-long-again \
	tests/rings-are-one-a-process \
	tests/rings-of-the-dead-land-nowhere-else \
	tests/slot-without-its-guard-is-inaccessible \
	tests/slow-reads-are-made-once \
	tests/small-pages-that-were-synced-stay \
	tests/stash-has-room-for-a-run \
	tests/stopped-truncate-blocks-no-one-before-it \
	tests/store-without-io-uring-reads-as-before \
	tests/strict-windows-name-misuse \
	tests/strict-windows-that-split-count-each-page \
	tests/sweep-beside-an-open-keeps-no-page \
	tests/sweep-lists-what-may-be-written \
	tests/table-repair-is-linear \
	tests/tables-are-on-huge-pages \
	tests/tool-check-tells-problems \
	tests/torn-double-write-area-brings-nothing-old-back \
	tests/torn-pages-are-read-from-the-area \
	tests/torture \
	tests/trace-has-every-page-used \
	tests/transfers-are-sent-in-batches \
	tests/transfers-that-a-ring-cuts-short-are-whole \
	tests/truncate-beside-lost-memory-keeps-the-page \
	tests/truncate-waits-for-copies \
	tests/unreadable-pool-memory-is-an-error \
	tests/view-is-all-or-nothing \
	tests/watch-of-holes-is-asked-for-as-it-must \
	tests/window-trim-takes-views-and-tells-failures \
	tests/write-back-keeps-its-bounds \
	tests/writes-of-one-who-dies-just-then-are-awaited \
	$(NULL)

# Linked with the VFS's static library and SQLite; left out without it.
tests_sqlite = \
	tests/tool-warm-reads-databases \
	tests/vfs-bad-parameters-are-refused \
	tests/vfs-clock-tick-hides-no-write \
	tests/vfs-close-keeps-posix-locks \
	tests/vfs-damaged-pages-are-fetched \
	tests/vfs-damaged-words-cost-only-time \
	tests/vfs-database-eight-times-its-pool \
	tests/vfs-environment-sets-defaults \
	tests/vfs-every-call-at-once \
	tests/vfs-failed-append-fails-its-commit \
	tests/vfs-fetch-points-into-the-window \
	tests/vfs-file-controls-are-answered \
	tests/vfs-forked-child-attaches-anew \
	tests/vfs-immutable-and-nolock-work \
	tests/vfs-is-not-the-default-unless-asked \
	tests/vfs-journal-modes-match-stock \
	tests/vfs-kept-pages-are-bounded \
	tests/vfs-kept-pages-are-given-back \
	tests/vfs-killed-appender-leaves-whole-transactions \
	tests/vfs-killed-writer-leaves-nothing \
	tests/vfs-kills-leave-no-stale-read \
	tests/vfs-leases-are-recalled \
	tests/vfs-leases-of-many-threads \
	tests/vfs-leases-stay-while-a-user-copies \
	tests/vfs-log-grows-no-more-than-stocks \
	tests/vfs-log-is-read-from-a-mapping \
	tests/vfs-log-is-written-before-it-is-published \
	tests/vfs-log-of-busy-writers-is-bounded \
	tests/vfs-lost-pages-are-read-again-at-once \
	tests/vfs-missed-pages-are-in-memory-once \
	tests/vfs-no-read-is-stale \
	tests/vfs-null-io-is-refused-with-a-pool \
	tests/vfs-old-sqlite-is-refused \
	tests/vfs-page-sizes-match-stock \
	tests/vfs-page-written-beside-is-read-again \
	tests/vfs-partial-checkpoint-is-synced \
	tests/vfs-partial-checkpoint-tells-its-error \
	tests/vfs-pool-taken-away-is-survived \
	tests/vfs-pool-without-room-is-bypassed \
	tests/vfs-power-loss-keeps-what-was-promised \
	tests/vfs-pragmas-tell-and-warm \
	tests/vfs-readers-lock-no-log \
	tests/vfs-recall-of-the-killed-ends-with-the-wal-index \
	tests/vfs-recalls-do-not-end-each-other \
	tests/vfs-recreated-database-is-new \
	tests/vfs-restored-database-is-read-again \
	tests/vfs-rolled-back-savepoint-commits \
	tests/vfs-select-makes-no-system-call \
	tests/vfs-shim-above-may-keep-the-wal-index \
	tests/vfs-slow-checkpoint-makes-no-one-busy \
	tests/vfs-small-pool-uses-the-page-cache \
	tests/vfs-strangers-checkpoint-leaves-a-warm-pool \
	tests/vfs-strangers-come-and-go \
	tests/vfs-strangers-writes-are-seen \
	tests/vfs-tables-show-the-pool \
	tests/vfs-threads-have-their-own-connections \
	tests/vfs-truncated-pages-are-forgotten \
	tests/vfs-users-writes-drop-nothing \
	tests/vfs-waiters-let-others-have-their-turn \
	tests/vfs-waiting-writers-are-bounded \
	tests/vfs-works-without-a-pool \
	tests/vfs-writers-wait-their-turn \
	tests/vfs-writers-wait-while-a-long-log-is-copied \
	tests/vfs-written-pages-leave-the-page-cache \
	$(NULL)

# Linked with libcore and the VFS, both from inside; left out without SQLite.
tests_sqlite_inside = \
	tests/vfs-every-failing-call-is-an-error \
	tests/vfs-killed-checkpointers-leave-a-warm-pool \
	tests/vfs-readers-seldom-ask-who-lives \
	tests/vfs-reads-ahead-end-before-the-lock \
	$(NULL)

# Linked with examples/kv; left out without xxHash.
tests_kv = \
	tests/kv-cell-without-value-is-ebadmsg \
	tests/kv-cursor-misses-nothing-that-stays \
	tests/kv-damage-is-an-error \
	tests/kv-dead-split-is-seen-whole \
	tests/kv-failed-recovery-stays-failed \
	tests/kv-failed-sync-closes-the-store \
	tests/kv-far-values-are-seen-whole \
	tests/kv-full-disk-is-an-error \
	tests/kv-full-log-waits-for-a-checkpoint \
	tests/kv-get-many-sees-no-batch-half \
	tests/kv-log-has-one-history \
	tests/kv-no-leaf-stays-empty \
	tests/kv-matches-a-model \
	tests/kv-pages-are-well-filled \
	tests/kv-power-loss-keeps-what-was-acknowledged \
	tests/kv-recovery-may-be-killed-in-a-small-pool \
	tests/kv-redone-batch-is-seen-whole \
	tests/kv-refuses-what-does-not-fit \
	tests/kv-reused-page-is-not-mistaken \
	tests/kv-survives-death-at-each-step \
	tests/kv-survives-kills \
	tests/kv-waiting-puts-are-woken \
	tests/kv-waits-yield-first \
	tests/kv-writers-in-other-leaves-do-not-wait \
	$(NULL)

# Scripts; see run-test.sh for what they find in the environment.
tests_sh = \
	tests/bench-micro-runs-vmcache.sh \
	tests/bench-window-measures-hugetlbfs.sh \
	tests/bench-window-reports-each-part.sh \
	tests/every-function-has-a-man-page.sh \
	tests/every-test-is-listed.sh \
	tests/example-01-pin-a-page.sh \
	tests/example-02-two-processes.sh \
	tests/example-05-checksums.sh \
	tests/exports-only-oriel-symbols.sh \
	tests/fault-path-calls-only-safe-functions.sh \
	tests/header-alone-as-c99.sh \
	tests/header-alone-as-cxx.sh \
	tests/html-manual-has-every-page.sh \
	tests/installed-library-links.sh \
	tests/instructions-do-not-grow.sh \
	tests/layers-include-downwards.sh \
	tests/man-pages-are-lint-clean.sh \
	tests/readme-samples-work.sh \
	tests/recorded-traces-are-the-same.sh \
	tests/report-figures-go-into-readme.sh \
	tests/report-runs-agree-within-their-spread.sh \
	tests/report-runs-what-it-can.sh \
	tests/report-says-where-a-peer-wins.sh \
	tests/static-window-test-passes.sh \
	tests/tool-bad-usage-is-refused.sh \
	tests/tool-survives-a-cut-pool.sh \
	$(NULL)

# Scripts that need the VFS; left out without SQLite.
tests_sqlite_sh = \
	tests/bench-sqlite-compares.sh \
	tests/client-node.sh \
	tests/client-perl.sh \
	tests/client-php.sh \
	tests/client-python.sh \
	tests/client-shell.sh \
	tests/client-tcl.sh \
	tests/example-03-sqlite.sh \
	tests/example-04-preload.sh \
	tests/tpcb-balances-agree.sh \
	tests/tpcc-bad-options-are-refused.sh \
	tests/tpcc-check-finds-damage.sh \
	tests/tpcc-consistency-holds.sh \
	tests/tpcc-survives-kills.sh \
	tests/tpch-answers-match-stock.sh \
	tests/vfs-shell-loads-the-module.sh \
	tests/vfs-shims-work-above-and-below.sh \
	$(NULL)

# Scripts that need examples/kv.
tests_kv_sh = \
	tests/bench-kv-compares.sh \
	tests/example-06-kv.sh \
	$(NULL)

# Helpers, linked with liboriel.
tests_programs = \
	tests/count-instructions \
	$(NULL)

EXTRA_DIST += \
	$(tests_sh) \
	$(tests_sqlite_sh) \
	$(tests_kv_sh) \
	tests/api-functions.awk \
	tests/below.h \
	tests/children.h \
	tests/client.sh \
	tests/corrupt.h \
	tests/counted.h \
	tests/cut.h \
	tests/double.h \
	tests/example.sh \
	tests/faults.h \
	tests/huge.h \
	tests/instructions.txt \
	tests/hooked.h \
	tests/kill-points-child.h \
	tests/kill-points-data.h \
	tests/kill-points.h \
	tests/kv.h \
	tests/latch.h \
	tests/recorder.h \
	tests/report-fixture.sh \
	tests/run-test.sh \
	tests/sql-bench.sh \
	tests/sqlite/README.md \
	tests/sqlite/build.sh \
	tests/sqlite/compile.sh \
	tests/sqlite/expected-failures \
	tests/sqlite/hooks.c \
	tests/sqlite/run.py \
	tests/strangers.h \
	tests/stress.h \
	tests/shims.c \
	tests/tap.h \
	tests/tap.sh \
	tests/tool.h \
	tests/torture.h \
	tests/tsan-suppressions.txt \
	tests/util.h \
	tests/vfs-versions.h \
	tests/vfs.h \
	tests/waiting.h \
	tests/whole-pool.h \
	tests/window.h \
	$(NULL)

# -------------------------------------------------------------------------
# How they are built.  -no-install: a program in place of libtool's script, so
# that gdb and valgrind see it.

LDADD = liboriel.la

check_PROGRAMS += $(tests_c) $(tests_programs)
TESTS += $(tests_c) $(tests_sh)
$(tests_c) $(tests_programs): private AM_LDFLAGS += -no-install

check_PROGRAMS += $(tests_inside)
TESTS += $(tests_inside)
tests_inside_objects = $(addsuffix .$(OBJEXT),$(tests_inside))
$(tests_inside_objects): private AM_CPPFLAGS += -I$(top_srcdir)/src
$(tests_inside): libcore.la
$(tests_inside): private LDADD = libcore.la

if HAVE_XXHASH
check_PROGRAMS += $(tests_kv)
TESTS += $(tests_kv) $(tests_kv_sh)
tests_kv_objects = $(addsuffix .$(OBJEXT),$(tests_kv))
$(tests_kv_objects): private AM_CPPFLAGS += $(XXHASH_CFLAGS)
$(tests_kv): examples/libkv.a
$(tests_kv): private AM_LDFLAGS += -no-install
$(tests_kv): private LDADD = examples/libkv.a liboriel.la
endif

if HAVE_SQLITE3
check_PROGRAMS += $(tests_sqlite)
TESTS += $(tests_sqlite) $(tests_sqlite_sh)
tests_sqlite_objects = $(addsuffix .$(OBJEXT),$(tests_sqlite))
$(tests_sqlite_objects): private AM_CPPFLAGS += $(SQLITE3_CFLAGS)
$(tests_sqlite): liboriel_vfs.la
$(tests_sqlite): private AM_LDFLAGS += -no-install
$(tests_sqlite): private LDADD = liboriel_vfs.la $(SQLITE3_LIBS)

check_LIBRARIES += tests/libvfs.a
tests_libvfs_a_SOURCES = $(vfs_sources)
tests_libvfs_a_CPPFLAGS = $(AM_CPPFLAGS) -DSQLITE_CORE
tests_libvfs_a_CFLAGS = $(AM_CFLAGS) $(SQLITE3_CFLAGS)

check_PROGRAMS += $(tests_sqlite_inside)
TESTS += $(tests_sqlite_inside)
tests_sqlite_inside_objects = $(addsuffix .$(OBJEXT),$(tests_sqlite_inside))
$(tests_sqlite_inside_objects): private AM_CPPFLAGS += $(SQLITE3_CFLAGS) \
	-I$(top_srcdir)/src
$(tests_sqlite_inside): tests/libvfs.a libcore.la
$(tests_sqlite_inside): private LDADD = tests/libvfs.a libcore.la \
	$(SQLITE3_LIBS) -ldl
endif

# -------------------------------------------------------------------------
# The stress tests once more, under sanitizers.  Library and test are built
# from source for that: a sanitizer sees only what was compiled with it.

if HAVE_TSAN
check_LIBRARIES += tests/libcore-tsan.a
tests_libcore_tsan_a_SOURCES = $(core_sources)
tests_libcore_tsan_a_CFLAGS = $(AM_CFLAGS) $(TSAN_FLAGS)

tests_tsan = \
	tests/every-call-at-once-tsan \
	tests/faults-of-many-threads-are-answered-tsan \
	tests/stress-processes-tsan \
	tests/stress-threads-tsan \
	$(NULL)
check_PROGRAMS += $(tests_tsan)
TESTS += $(tests_tsan)

tests_every_call_at_once_tsan_SOURCES = tests/every-call-at-once.c
tests_every_call_at_once_tsan_CFLAGS = $(AM_CFLAGS) $(TSAN_FLAGS)
tests_every_call_at_once_tsan_LDFLAGS = $(AM_LDFLAGS) $(TSAN_FLAGS)
tests_every_call_at_once_tsan_LDADD = tests/libcore-tsan.a $(core_libs)

tests_faults_of_many_threads_are_answered_tsan_SOURCES = \
	tests/faults-of-many-threads-are-answered.c
tests_faults_of_many_threads_are_answered_tsan_CFLAGS = $(AM_CFLAGS) \
	$(TSAN_FLAGS)
tests_faults_of_many_threads_are_answered_tsan_LDFLAGS = $(AM_LDFLAGS) \
	$(TSAN_FLAGS)
tests_faults_of_many_threads_are_answered_tsan_LDADD = tests/libcore-tsan.a $(core_libs)

tests_stress_processes_tsan_SOURCES = tests/stress-processes.c
tests_stress_processes_tsan_CFLAGS = $(AM_CFLAGS) $(TSAN_FLAGS)
tests_stress_processes_tsan_LDFLAGS = $(AM_LDFLAGS) $(TSAN_FLAGS)
tests_stress_processes_tsan_LDADD = tests/libcore-tsan.a $(core_libs)

tests_stress_threads_tsan_SOURCES = tests/stress-threads.c
tests_stress_threads_tsan_CFLAGS = $(AM_CFLAGS) $(TSAN_FLAGS)
tests_stress_threads_tsan_LDFLAGS = $(AM_LDFLAGS) $(TSAN_FLAGS)
tests_stress_threads_tsan_LDADD = tests/libcore-tsan.a $(core_libs)

if HAVE_SQLITE3
check_LIBRARIES += tests/libvfs-tsan.a
tests_libvfs_tsan_a_SOURCES = $(vfs_sources)
tests_libvfs_tsan_a_CPPFLAGS = $(AM_CPPFLAGS) -DSQLITE_CORE
tests_libvfs_tsan_a_CFLAGS = $(AM_CFLAGS) $(SQLITE3_CFLAGS) $(TSAN_FLAGS)

check_PROGRAMS += tests/vfs-every-call-at-once-tsan
TESTS += tests/vfs-every-call-at-once-tsan

tests_vfs_every_call_at_once_tsan_SOURCES = tests/vfs-every-call-at-once.c
tests_vfs_every_call_at_once_tsan_CFLAGS = $(AM_CFLAGS) $(SQLITE3_CFLAGS) \
	$(TSAN_FLAGS)
tests_vfs_every_call_at_once_tsan_LDFLAGS = $(AM_LDFLAGS) $(TSAN_FLAGS)
tests_vfs_every_call_at_once_tsan_LDADD = tests/libvfs-tsan.a \
	tests/libcore-tsan.a $(SQLITE3_LIBS) $(core_libs) -ldl
endif
endif

fuzz_sources = \
	tests/fuzz/damage.c \
	tests/fuzz/fuzz-pool.c \
	tests/fuzz/fuzz.h \
	tests/fuzz/run.c \
	$(NULL)
EXTRA_DIST += $(fuzz_sources)

if HAVE_ASAN
check_LIBRARIES += tests/libcore-asan.a
tests_libcore_asan_a_SOURCES = $(core_sources)
tests_libcore_asan_a_CPPFLAGS = $(AM_CPPFLAGS) -DORL_GAP=4096
tests_libcore_asan_a_CFLAGS = $(AM_CFLAGS) $(ASAN_FLAGS)

tests_asan = \
	tests/fuzz/fuzz-pool-asan \
	tests/stress-processes-asan \
	tests/stress-threads-asan \
	$(NULL)
check_PROGRAMS += $(tests_asan)
TESTS += $(tests_asan)

# Seeded random damage; make fuzz has libFuzzer choose it.
tests_fuzz_fuzz_pool_asan_SOURCES = $(fuzz_sources)
tests_fuzz_fuzz_pool_asan_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/src
tests_fuzz_fuzz_pool_asan_CFLAGS = $(AM_CFLAGS) $(ASAN_FLAGS)
tests_fuzz_fuzz_pool_asan_LDFLAGS = $(AM_LDFLAGS) $(ASAN_FLAGS)
tests_fuzz_fuzz_pool_asan_LDADD = tests/libcore-asan.a $(core_libs)

tests_stress_processes_asan_SOURCES = tests/stress-processes.c
tests_stress_processes_asan_CFLAGS = $(AM_CFLAGS) $(ASAN_FLAGS)
tests_stress_processes_asan_LDFLAGS = $(AM_LDFLAGS) $(ASAN_FLAGS)
tests_stress_processes_asan_LDADD = tests/libcore-asan.a $(core_libs)

tests_stress_threads_asan_SOURCES = tests/stress-threads.c
tests_stress_threads_asan_CFLAGS = $(AM_CFLAGS) $(ASAN_FLAGS)
tests_stress_threads_asan_LDFLAGS = $(AM_LDFLAGS) $(ASAN_FLAGS)
tests_stress_threads_asan_LDADD = tests/libcore-asan.a $(core_libs)
endif

# -------------------------------------------------------------------------
# The test that dies everywhere: library and test are built with the points of
# src/point.h, which else only --enable-debug has.

check_LIBRARIES += tests/libcore-points.a
tests_libcore_points_a_SOURCES = $(core_sources)
tests_libcore_points_a_CPPFLAGS = $(AM_CPPFLAGS) -DORL_DEBUG=1

tests_points = \
	tests/area-of-the-dead-keeps-its-copies \
	tests/cut-page-makes-no-file-longer \
	tests/dropped-pages-are-not-written-again \
	tests/every-kill-point-is-survived \
	tests/every-kill-point-of-a-repair-is-survived \
	tests/fresh-page-in-doubt-is-zeroes \
	tests/killed-truncate-leaves-no-old-bytes \
	tests/page-in-doubt-is-settled-once \
	tests/page-is-whole-while-its-area-changes-hands \
	tests/pages-changed-while-they-are-evicted-stay \
	tests/pages-dropped-while-they-are-written-are-whole \
	tests/readers-of-a-settled-page-keep-writers-out \
	tests/repair-cut-short-loses-nothing \
	tests/repair-leaves-nothing-to-heal \
	tests/resized-pool-has-memory-for-each-frame \
	tests/room-that-comes-back-is-waited-for \
	tests/stopped-repairer-blocks-no-one \
	tests/tool-watches-a-stopped-repair \
	$(NULL)
check_PROGRAMS += $(tests_points)
TESTS += $(tests_points)
tests_points_objects = $(addsuffix .$(OBJEXT),$(tests_points))
$(tests_points_objects): private AM_CPPFLAGS += -DORL_DEBUG=1 \
	-I$(top_srcdir)/src
$(tests_points): tests/libcore-points.a
$(tests_points): private LDADD = tests/libcore-points.a $(core_libs)

# -------------------------------------------------------------------------
# They would still meet each other: let each log depend on the one before.

alone_logs = $(addsuffix .log,$(tests_alone))
$(alone_logs): $(filter-out $(alone_logs),$(TEST_LOGS))
$(foreach log,$(alone_logs),\
  $(eval $(log): $(previous_alone))$(eval previous_alone = $(log)))

# -------------------------------------------------------------------------
# make torture SECONDS=600 SEED=1: the test of that name, for as long as wanted.

torture: tests/torture$(EXEEXT) $(bin_PROGRAMS)
	top_builddir=. tests/torture$(EXEEXT)

# -------------------------------------------------------------------------
# make check-faults: each system call of a workload on the pool, and of one on
# SQLite, fails in turn.

check-faults: tests/every-failing-call-is-an-error$(EXEEXT) \
		tests/vfs-every-failing-call-is-an-error$(EXEEXT)
	FAULTS=all ORIEL_TEST_TIMEOUT=3600 \
	  tests/every-failing-call-is-an-error$(EXEEXT)
	FAULTS=all ORIEL_TEST_TIMEOUT=3600 \
	  tests/vfs-every-failing-call-is-an-error$(EXEEXT)

.PHONY: check-faults

# make check-log OPERATIONS=2000000: as many random changes, flushes, checkpoints
# and kills, and no page written before its log.

check-log: tests/no-page-overtakes-its-log$(EXEEXT)
	OPERATIONS=$${OPERATIONS:-2000000} ORIEL_TEST_TIMEOUT=3600 \
	  tests/no-page-overtakes-its-log$(EXEEXT)

.PHONY: check-log

# make check-cuts CUTS=10000: pools whose files are cut and punched under load.

check-cuts: tests/cut-pool-under-load$(EXEEXT)
	CUTS=$${CUTS:-10000} ORIEL_TEST_TIMEOUT=3600 tests/cut-pool-under-load$(EXEEXT)

# -------------------------------------------------------------------------
# make check-swaps SWAPS=10000000: so many swaps on each backend, all looked at.

check-swaps: tests/random-swaps-show-the-right-page$(EXEEXT)
	SWAPS=$${SWAPS:-10000000} ORIEL_TEST_TIMEOUT=3600 \
	tests/random-swaps-show-the-right-page$(EXEEXT)

# -------------------------------------------------------------------------
# make check-sqlite [FULL=1 | QUICK=1] [FILES="wal* pager1"] [JOBS=2]: SQLite's
# own tests, on Oriel and on stock; see tests/sqlite/README.md.

check-sqlite: liboriel.la
	$(AM_V_at)top_srcdir='$(abs_top_srcdir)' CC='$(CC)' \
	  top_builddir='$(abs_top_builddir)' \
	  VFS_SOURCES='$(filter %.c,$(vfs_sources))' \
	  $(SHELL) $(top_srcdir)/tests/sqlite/build.sh tests/sqlite-suite
	$(AM_V_at)python3 -B $(top_srcdir)/tests/sqlite/run.py \
	  --jobs "$${JOBS:-2}" --files "$${FILES-}" \
	  $${FULL:+--full} $${QUICK:+--quick --again} \
	  tests/sqlite-suite

# -------------------------------------------------------------------------
# make check-strangers SECONDS=600 ORIEL_TEST_SEED=1: a database that processes
# with and without Oriel share, for as long as wanted.

check-strangers: tests/vfs-strangers-come-and-go$(EXEEXT)
	SECONDS=$${SECONDS:-600} tests/vfs-strangers-come-and-go$(EXEEXT)

# -------------------------------------------------------------------------
# make check-power-loss ROUNDS=10 ORIEL_TEST_SEED=1 CASE=WAL: the power goes at
# each call that changes a database or its journal, or a double-write area; some
# minutes a round.

check-power-loss: tests/vfs-power-loss-keeps-what-was-promised$(EXEEXT) \
		tests/double-write-survives-power-loss$(EXEEXT)
	ROUNDS=$${ROUNDS:-1} \
	  tests/double-write-survives-power-loss$(EXEEXT)
	ROUNDS=$${ROUNDS:-1} \
	  tests/vfs-power-loss-keeps-what-was-promised$(EXEEXT)

# -------------------------------------------------------------------------
# make fuzz SECONDS=600 SEED=1: damage to a pool's metadata, chosen by libFuzzer
# for the code that it comes to.  An input that fails is left as fuzz-crash-*:
# replay it with tests/fuzz/fuzz-pool-libfuzzer FILE.

FUZZ_CC = clang
FUZZ_CFLAGS = -g -O1 -pthread -fvisibility=hidden -fsanitize=fuzzer,address
fuzz_inputs = $(filter %.c,$(core_sources) $(fuzz_sources))
CLEANFILES += tests/fuzz/fuzz-pool-libfuzzer

tests/fuzz/fuzz-pool-libfuzzer: $(core_sources) $(fuzz_sources)
	$(AM_V_at)command -v $(FUZZ_CC) > /dev/null || { \
	  echo 'make fuzz: needs clang with its libFuzzer (on Debian: clang,' \
	    'libclang-rt-dev); FUZZ_CC names it' >&2; exit 1; }
	$(AM_V_at)$(MKDIR_P) tests/fuzz
	$(AM_V_CCLD)$(FUZZ_CC) $(AM_CPPFLAGS) -I$(top_srcdir)/src \
	  -DFUZZ_LIBFUZZER -DORL_GAP=4096 $(FUZZ_CFLAGS) -o $@ \
	  $(addprefix $(top_srcdir)/,$(fuzz_inputs))

fuzz: tests/fuzz/fuzz-pool-libfuzzer
	$(AM_V_at)corpus=`mktemp -d` && { \
	  $< -max_total_time=$${SECONDS:-60} -seed=$${SEED:-0} -max_len=300 \
	    -len_control=0 -print_final_stats=1 -artifact_prefix=fuzz- \
	    "$$corpus"; \
	  status=$$?; rm -rf "$$corpus"; exit $$status; }

# -------------------------------------------------------------------------
# make static-window-test: the tests of windows and of the fault path in one
# static program, tests/static/window-test, for old kernels and small systems.
# It needs no arguments and runs as process 1, too.  CC is what else it can be
# built with:
#   make static-window-test CC=musl-gcc
#   make static-window-test CC='gcc -m32'
#   make static-window-test CC=build-i386/root/musl-gcc     (see bootstrap)
#
# make check-kernels: that program on Debian's kernel in qemu, or on another:
#   make check-kernels KERNEL=/path/to/bzImage

static_tests = \
	tests/cold-pages-are-read-as-copies \
	tests/copying-read-needs-no-slot \
	tests/cut-pages-are-reported-and-read-again \
	tests/cut-pool-is-survived-behind-another-handler \
	tests/cut-pool-under-load \
	tests/cut-pool-without-room-is-eio \
	tests/cut-tables-are-eio \
	tests/eviction-keeps-every-page \
	tests/failed-truncate-changes-nothing \
	tests/faults-of-many-threads-are-answered \
	tests/fence-mode-works \
	tests/file-without-birth-time-is-known-by-its-handle \
	tests/fork-twice-unmaps-nothing-else \
	tests/forked-child-gets-eownerdead \
	tests/forked-child-keeps-no-one-alive \
	tests/forked-child-sees-what-is-pinned \
	tests/given-up-slots-are-inaccessible \
	tests/huge-pages-are-found-by-old-kernels \
	tests/huge-pages-are-found-on-tmpfs \
	tests/killed-pool-restarts-warm \
	tests/killed-process-blocks-no-one \
	tests/killed-process-is-not-alive \
	tests/lazy-slots-are-mapped-at-touch \
	tests/locked-window-takes-no-major-fault \
	tests/locking-beyond-the-limit-is-eperm \
	tests/locking-on-fault-has-a-fallback \
	tests/neighbours-are-shown-by-one-call \
	tests/oversized-window-is-as-large-as-its-pool \
	tests/pin-many-is-all-or-nothing \
	tests/pins-beyond-window-are-enobufs \
	tests/pins-go-on-when-vmas-run-out \
	tests/pool-lives-on-hugetlbfs \
	tests/pool-on-hugetlbfs-wants-fallocate \
	tests/pool-truncated-is-eproto \
	tests/pool-works-without-newer-calls \
	tests/populate-maps-what-it-says \
	tests/posix-locks-stand-in-for-ofd-locks \
	tests/random-swaps-show-the-right-page \
	tests/refilled-frames-are-lost-once \
	tests/repair-waits-for-who-cuts \
	tests/residency-locks-what-is-shown \
	tests/signals-are-given-back \
	tests/signals-are-passed-on-as-the-kernel-would \
	tests/slot-without-its-guard-is-inaccessible \
	tests/slots-beyond-vma-budget-are-enomem \
	tests/stray-access-behind-the-pool-grows-nothing \
	tests/stray-access-is-named \
	tests/stress-processes \
	tests/stress-threads \
	tests/strict-windows-name-misuse \
	tests/strict-windows-serve-many-threads \
	tests/strict-windows-that-split-count-each-page \
	tests/tables-are-on-huge-pages \
	tests/unmapped-slots-come-back \
	tests/unreadable-pool-memory-is-an-error \
	tests/window-64-times-smaller-shows-every-page \
	tests/window-shows-a-pool-larger-than-the-address-space \
	tests/window-takes-slots-of-each-size \
	tests/window-trim-gives-back-and-pins-hold \
	$(NULL)

STATIC_CFLAGS = -O2 -g
static_compile = $(CC) $(AM_CPPFLAGS) -D_FILE_OFFSET_BITS=64 \
	-I$(top_srcdir)/src -I$(top_srcdir)/tests -Itests/static \
	$(ORIEL_CFLAGS) $(STATIC_CFLAGS) -static
CLEANFILES += tests/static/*.o tests/static/parts.h tests/static/window-test

EXTRA_DIST += \
	tests/static/check-kernel.sh \
	tests/static/i386-root.sh \
	tests/static/window-test.c \
	$(NULL)

# Always anew: CC may be another one.
static-window-test:
	$(AM_V_at)$(MKDIR_P) tests/static
	$(AM_V_at)rm -f tests/static/*.o tests/static/parts.h
	$(AM_V_GEN)for test in $(static_tests); do \
	  name=$${test#tests/}; \
	  function=test_`echo $$name | tr - _`; \
	  echo "PART ($$function, \"$$name\")" >> tests/static/parts.h; \
	  $(static_compile) -Wno-missing-prototypes -Dmain=$$function \
	    -c -o tests/static/$$name.o $(top_srcdir)/$$test.c || exit; \
	done
	$(AM_V_CCLD)$(static_compile) -o tests/static/window-test \
	  $(top_srcdir)/tests/static/window-test.c \
	  $(addprefix $(top_srcdir)/,$(filter %.c,$(core_sources))) \
	  tests/static/*.o

KERNEL =
check-kernels: static-window-test
	$(AM_V_at)$(SHELL) $(top_srcdir)/tests/static/check-kernel.sh \
	  tests/static/window-test $(KERNEL)

# -------------------------------------------------------------------------
# make check-valgrind: the C tests once more, where memory errors fail a test.

check-valgrind: all
	$(AM_V_at)valgrind --version
	$(AM_V_at)$(MAKE) check ORIEL_VALGRIND=1 TESTS="$(filter-out \
	  $(tests_not_under_valgrind),$(tests_c))"
