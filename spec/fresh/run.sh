#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs in each way that README.md tells, by its own commands, for one Lua after the other, on a Debian 12 that is made
# for it; then sees whether it works there, for an ordinary user and for root (check.sh). As root.
# `run.sh ["deb make"] ["5.4 5.1"]`, all without. The last line is "N passed, N failed".
#
# A way is a block of README.md between ```sh NAME and ```. Those into the system are gone by an ordinary user with sudo
# and, as NAME/root, by root. The machines lie in build/fresh: `base`, and one folder for each way with its log beside it.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
PATH=$PATH:/usr/sbin:/sbin

ways=${1:-deb deb/root make make/root make-home rock rock/root rock-home rock-tree}
luas=${2:-5.4 5.3 5.1}
folder=$PWD/build/fresh
base=$folder/base
user=somebody

[ "$(id -u)" = 0 ] || { echo "make fresh makes machines, and must be root for that" >&2; exit 1; }
[ "$(uname -s)" = Linux ] || { echo "make fresh needs Linux" >&2; exit 1; }

# What everybody's Debian has: sudo, a user, lists of packages. apt-get asks nothing and keeps what it has fetched.
make_base() {
  [ -e "$base.made" ] && return
  echo "Making a Debian 12 in $base" >&2
  rm -rf "$base"
  mkdir -p "$folder/archives/partial"
  debootstrap --variant=minbase --include=sudo,ca-certificates bookworm "$base" >"$folder/base.log" 2>&1 || return
  chroot "$base" useradd --create-home --shell /bin/bash $user
  echo "$user ALL=(ALL) NOPASSWD: ALL" >"$base/etc/sudoers.d/$user"
  echo "127.0.0.1 localhost $(uname -n)" >"$base/etc/hosts"
  printf '%s\n' 'APT::Get::Assume-Yes "true";' 'Dpkg::Options { "--force-unsafe-io"; };' 'Dpkg::Use-Pty "false";' \
    'Binary::apt-get::APT::Keep-Downloaded-Packages "true";' >"$base/etc/apt/apt.conf.d/90fresh"
  touch "$base.made"
}

home_of() { if [ "$1" = root ]; then echo /root; else echo "/home/$1"; fi; }

# Each process that a command starts there ends with it.
inside() { # root, user, script (bash)
  # shellcheck disable=SC2016 # what is quoted is for the shell in between
  unshare --mount --pid --fork --kill-child --mount-proc="$1/proc" \
    sh -c 'mount --bind "$1/archives" "$2/var/cache/apt/archives" && mount --rbind /dev "$2/dev" && exec chroot "$2" \
      setpriv --reuid="$3" --regid="$3" --init-groups env -i HOME="$4" USER="$3" TERM=dumb LANG=C.UTF-8 \
      DEBIAN_FRONTEND=noninteractive PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      bash -c "$5"' sh "$folder" "$1" "$2" "$(home_of "$2")" "$3" </dev/null
}

# The same with no network but loopback.
inside_alone() { # root, user, script
  folder=$folder unshare --net bash -c "$(declare -f home_of inside)
    ip link set lo up; inside \"\$@\"" bash "$@"
}

# What every way needs for the first Lua is installed once, and copied.
new_machine() { # root
  local lua=${luas%% *}
  if [ ! -e "$base-$lua.made" ]; then
    rm -rf "$base-$lua" && cp -a "$base" "$base-$lua" && cp /etc/resolv.conf "$base-$lua/etc/" || return
    inside "$base-$lua" $user "set -ex; $(commands needs "$lua")" >"$folder/needs.log" 2>&1 || return
    touch "$base-$lua.made"
  fi
  rm -rf "$1"
  cp -a "$base-$lua" "$1"
}

put_checkout() { # root, owner
  local home
  home=$1$(home_of "$2")
  mkdir -p "$home/cdfworkflow" "$1/srv/checkout"
  tar --exclude=./.git --exclude=./build --exclude=node_modules -cf - . | tar -xf - -C "$home/cdfworkflow" --no-same-owner
  chown -R --reference="$home" "$home/cdfworkflow"
  cp -r --parents spec/fresh spec/examples "$1/srv/checkout" # for what is tried afterwards
}

# The commands of README.md for a way, for this Lua.
commands() { # way, Lua
  local name
  for name in needs "${1#needs}"; do
    sed -n "/^\`\`\`sh $name\$/,/^\`\`\`\$/{/^\`\`\`/d;p}" README.md
  done | sed "s/5\.4/$2/g"
}

# What a shell must know afterwards: those of the commands that only tell it something.
settings() { commands "$1" "$2" | grep -E '^(export|eval) '; }

check() { # root, user, way, Lua
  inside_alone "$1" "$2" "cd; $(settings "$3" "$4")
    export WAY=$3 LUA_VERSION=$4 CHECKOUT=/srv/checkout; bash /srv/checkout/spec/fresh/check.sh"
}

# What a program says that lacks something names the package: nothing but that is installed.
install_what_is_named() { # root, user, way, Lua
  local said package
  for _ in 1 2 3 4 5; do
    said=$(inside "$1" "$2" "cd; $(settings "$3" "$4")
      printf 'a: 1\n' >a.yaml; cdfworkflow lint a.yaml; timeout 2 cdfworkflow-sim --port 0" 2>&1)
    package=$(sed -n "s/.*, or Debian's \(lua-[a-z]*\).*/\1/p" <<<"$said" | head -n 1)
    [ -n "$package" ] || return 0
    echo "named: $package"
    inside "$1" root "apt-get install $package" || return
  done
  echo "still missing: $said"
  return 1
}

passed=0 failed=0
judge() { # status, words
  if [ "$1" = 0 ]; then passed=$((passed + 1)) && printf 'ok      %s\n' "$2"
  else failed=$((failed + 1)) && printf 'NOT OK  %s\n' "$2"; fi
}

go() { # way, or way/root
  local way=${1%/root} as=$user root=$folder/${1/\//-} log users lua who before=$failed
  log=$root.log
  [ "$way" = "$1" ] || as=root
  case $way in *-home | *-tree) users=$as ;; *) users="$user root" ;; esac
  if ! { new_machine "$root" && put_checkout "$root" $as; }; then
    judge 1 "$1: a machine"
    return
  fi
  : >"$log"
  for lua in $luas; do
    inside "$root" $as "cd; cd cdfworkflow; set -ex; $(commands "$way" "$lua")" >>"$log" 2>&1
    judge $? "$1 Lua $lua: the commands"
    install_what_is_named "$root" $as "$way" "$lua" >>"$log" 2>&1
    judge $? "$1 Lua $lua: what is missing is named with its package"
    if [ "$lua" = 5.1 ]; then
      inside "$root" root "apt-get install luajit2 nginx-light libnginx-mod-http-lua" >>"$log" 2>&1
      judge $? "$1: LuaJIT and nginx are there"
    fi
    for who in $users; do
      check "$root" $who "$way" "$lua" >>"$log" 2>&1
      judge $? "$1 Lua $lua: works for $([ $who = root ] && echo root || echo 'an ordinary user')"
    done
  done
  [ $failed != "$before" ] || rm -rf "$root"
}

make_base || { echo "No Debian could be made: see $folder/base.log" >&2; exit 1; }
for way in $ways; do
  [ -n "$(commands "${way%/root}" 5.4)" ] || { echo "README.md has no commands for $way" >&2; exit 1; }
  go "$way"
done
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed != 0 ]
