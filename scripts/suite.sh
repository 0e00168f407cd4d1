# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # scratch: see below
#
# Sourced by scripts that unpack packages of other Debian releases. They define scratch, a folder, and die.

# from_suite SUITE PACKAGE INTO: gets a package of another Debian release from this host's mirror. It uses
# package lists of its own and does not change this host's.
from_suite() {
  local suite=$1 package=$2 into=$3 dir=$scratch/$1 mirror apt
  mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/deb"
  # shellcheck disable=SC2016 # apt's syntax for a field
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
    "Codename: $(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)" | head -n 1)
  [[ -n $mirror ]] || die "apt knows no Debian mirror: is there one in its sources, and does apt-get update work?"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$dir/sources"
  apt=(apt-get -o "Dir::Etc::SourceList=$dir/sources" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$dir/lists" -o "Dir::Cache=$dir/cache" -o APT::Sandbox::User=root
    -o Acquire::Languages=none --quiet)
  ([[ -e $dir/updated ]] || "${apt[@]}" update && touch "$dir/updated" && cd "$dir/deb" &&
    "${apt[@]}" download "$package") >"$dir/log" 2>&1 || {
    cat "$dir/log" >&2
    die "the mirror has no $package of Debian $suite"
  }
  dpkg-deb -x "$dir"/deb/"${package}"_*.deb "$into"
}
