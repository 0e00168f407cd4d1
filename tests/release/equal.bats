#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Two builds of a release are equal, bit for bit, whatever folder, user, umask, locale and time zone they have.
#
# The second one is compiled anew in part only, since the compiler knows no more of folder and user in one file than in
# another: the programs in the kernel, a wing of the program, and what the Makefile has optimised as one, which the
# linker compiles, in its own folder. REBUILD=all compiles everything.

load ../e2e/helper

REBUILT=(bpf obj/main.o obj/{base,exchange,privacy,rates,release} obj/daemon/pipeline.o libtelltale.a telltale commit)
NOBODY=65534

setup_file() {
  make -C "$(dirname "$BATS_TEST_DIRNAME")/.." --no-print-directory -s dist >&2
}

elsewhere() {
  git -c safe.directory='*' clone --quiet --no-hardlinks "$ROOT" "$1"
  if [[ ${REBUILD:-} != all ]]; then
    mkdir "$1/build"
    cp -a "$ROOT"/build/{obj,bpf,page,proto,libtelltale.a} "$1/build"
    # The sources are no newer than what is left of what was made of them.
    find "$1" -path "$1/build" -prune -o -type f -exec touch --date=2000-01-01 {} +
    (cd "$1/build" && rm -rf "${REBUILT[@]}")
  fi
  chown -R $NOBODY:$NOBODY "$1"
  chmod 755 "$BED" "$1"
}

# dist FOLDER: as nobody, with another umask, locale and time zone.
dist() {
  (umask 077 && setpriv --reuid $NOBODY --regid $NOBODY --clear-groups env -i PATH="$PATH" HOME=/nonexistent \
    TMPDIR="$1/build" LC_ALL=C.UTF-8 LANG=de_DE.UTF-8 TZ=Pacific/Kiritimati make -C "$1" --no-print-directory -s -j2 dist)
}

@test "two builds of package, image, sources and SBOM are equal, whatever folder, user, umask, locale and time zone" {
  git -c safe.directory='*' -C "$ROOT" diff --quiet HEAD || skip 'needs a clone without changes: the commit is in the program'
  # Everybody may enter the folder in which bats has its beds.
  other=$(mktemp -d "${TMPDIR:-/tmp}/elsewhere.XXXXXX")
  echo "$other" >"$BED/elsewhere"
  elsewhere "$other/telltale"
  chmod 755 "$other"
  dist "$other/telltale" >&2
  (cd "$ROOT/build/dist" && sha256sum --check SHA256SUMS)
  diff "$ROOT/build/dist/SHA256SUMS" "$other/telltale/build/dist/SHA256SUMS"
  # The folder that it was built in is in no file.
  dpkg-deb --extract "$ROOT/build/dist/telltale_0.1.0_$(dpkg --print-architecture).deb" "$BED/extracted"
  run ! grep -rlF "$ROOT" "$BED/extracted"
}

teardown() {
  [[ ! -e ${BED:-}/elsewhere ]] || rm -rf "$(<"$BED/elsewhere")"
  bed_teardown
}
