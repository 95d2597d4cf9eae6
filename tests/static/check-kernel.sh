#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# check-kernel.sh PROGRAM [KERNEL] - run the static window test in an emulator
#
# KERNEL is an image that qemu starts (vmlinuz, bzImage); without it, that of
# Debian's own package, which is downloaded into the current directory's
# kernels/, once, and not installed.  Exit status 0: all tests passed.
#
# QEMU            the emulator (qemu-system-x86_64)
# QEMU_FLAGS      more options for it
# QEMU_MEMORY     in MiB (2048)
# KERNEL_TIMEOUT  seconds (1800)
program=$1
kernel=$2
: "${QEMU=qemu-system-x86_64}" "${QEMU_MEMORY=2048}" "${KERNEL_TIMEOUT=1800}"

die ()
{
  echo "check-kernel: $*" >&2
  exit 2
}

# debian_kernel: the path of Debian's vmlinuz
debian_kernel ()
{
  package=$(apt-cache depends linux-image-amd64 2> /dev/null \
    | sed -n 's/^ *Depends: *\(linux-image-[0-9].*\)/\1/p' | head -n 1)
  [ -n "$package" ] \
    || die "apt-cache knows no linux-image-amd64; give a kernel: KERNEL=PATH"
  image=kernels/vmlinuz-${package#linux-image-}
  if [ ! -e "$image" ]; then
    echo "# downloading $package" >&2
    mkdir -p kernels/deb || exit 2
    (cd kernels/deb && apt-get download "$package") >&2 \
      || die "$package cannot be downloaded"
    dpkg-deb --fsys-tarfile "kernels/deb/$package"_*.deb \
      | tar -xO "./boot/${image#kernels/}" > "$image.new" \
      && mv "$image.new" "$image" || die "$package has no ${image#kernels/}"
    rm -rf kernels/deb
  fi
  echo "$image"
}

for tool in "$QEMU" cpio gzip; do
  command -v "$tool" > /dev/null \
    || die "needs $tool (on Debian: qemu-system-x86, cpio, gzip)"
done
[ -x "$program" ] || die "$program: no such program"
if [ -z "$kernel" ]; then
  kernel=$(debian_kernel) || exit 2
fi
[ -r "$kernel" ] || die "$kernel: no such kernel"

scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
trap 'exit 2' INT TERM
mkdir -p "$scratch/root/proc" "$scratch/root/dev"
cp "$program" "$scratch/root/init" && chmod 755 "$scratch/root/init"
(cd "$scratch/root" && find . | cpio --quiet -o -H newc) | gzip -1 \
  > "$scratch/initramfs.gz" || die "no initramfs"

# The kernel's own messages stay off the console, except the last ones of a
# kernel that dies; the program's end is a restart, where qemu ends.
echo "# $kernel"
# QEMU_FLAGS unquoted: it is a list.
# shellcheck disable=SC2086
timeout --foreground --kill-after=10 "$KERNEL_TIMEOUT" \
  "$QEMU" -accel tcg -m "$QEMU_MEMORY" -smp "${QEMU_SMP=1}" -display none -monitor none \
  -serial stdio -no-reboot -kernel "$kernel" \
  -initrd "$scratch/initramfs.gz" \
  -append "console=ttyS0 rdinit=/init quiet loglevel=2 panic=1 reboot=t" \
  $QEMU_FLAGS < /dev/null 2>&1 | sed -u 's,\r$,,' | tee "$scratch/log"

passed=$(grep -c '^ok ' "$scratch/log")
failed=$(grep -c '^not ok \|^Bail out' "$scratch/log")
planned=$(sed -n 's/^1\.\.\([0-9][0-9]*\)$/\1/p' "$scratch/log")
if [ -z "$planned" ]; then
  die "$kernel: the test did not come to its end (limit: $KERNEL_TIMEOUT s)"
fi
echo "# $passed of $planned passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -eq "$planned" ]
