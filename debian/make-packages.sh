#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# make-packages.sh TARBALL SOURCE DIRECTORY - what make deb does: Debian packages
# from the tarball that make dist made, with SOURCE/debian, into the directory.
# Fails where lintian sees an error.  The tests are make check's: not run here.
set -eu
tarball=$1 source=$2 directory=$3

for tool in dpkg-buildpackage dh lintian; do
  command -v $tool > /dev/null || {
    echo "make deb needs $tool (./bootstrap deb installs it)" >&2
    exit 1
  }
done

rm -rf "$directory"
mkdir -p "$directory"
name=$(basename "$tarball" .tar.xz)
cp "$tarball" "$directory/$(echo "$name" | tr - _).orig.tar.xz"
tar -C "$directory" -xf "$tarball"
rm -rf "$directory/$name/debian"
cp -R "$source/debian" "$directory/$name/debian"
# Read-only in make distcheck.
chmod -R u+w "$directory/$name"

cd "$directory/$name"
unset MAKEFLAGS MFLAGS
DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)" dpkg-buildpackage -us -uc \
  > ../build.log 2>&1 || {
  tail -n 40 ../build.log
  exit 1
}
cd ..
rm -rf "$name"
ls -l ./*.deb
# As root, in a container, it would only warn of that.
allow=
[ "$(id -u)" -ne 0 ] || allow=--allow-root
lintian $allow --fail-on error ./*.changes
