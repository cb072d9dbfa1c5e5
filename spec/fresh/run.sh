#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs in each way that README.md tells, by its own commands, on a Debian 12 that is made for it; then sees whether it
# works there, for an ordinary user and for root (check.sh). As root, on Linux.
# `run.sh ["deb make"] ["5.4 5.1"]`, all without. One line for each way, Lua and user; then all of it as a table; the last
# line is "N passed, N failed". What fails stops nothing else.
#
# A way is a block between ```sh NAME and ``` of README.md, or of src/README.md (what a release does). NAME alone is gone by
# an ordinary user with sudo, NAME/root by root; NAME+ is gone for one Lua after the other on the same machine. `luajit` is a
# machine with LuaJIT alone. The machines lie in build/fresh as layers over one Debian, and are only mounted while a command
# runs there, in a namespace of its own; what failed is kept, with a log for each machine in build/fresh/logs.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
PATH=$PATH:/usr/sbin:/sbin
umask 022

ways=${1:-deb deb/root make make/root make+ make-home rock rock/root rock-home rock-home+ rock-tree rock-source rock-binary}
luas=${2:-5.4 5.3 5.1 luajit}
folder=$PWD/build/fresh
base=$folder/base
logs=$folder/logs
user=somebody
path=/usr/lib/ccache:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

[ "$(id -u)" = 0 ] || { echo "make fresh makes machines, and must be root for that" >&2; exit 1; }
[ "$(uname -s)" = Linux ] || { echo "make fresh needs Linux" >&2; exit 1; }

# What everybody's Debian has: sudo, a user, lists of packages. apt-get asks nothing and keeps what it has fetched; what
# was compiled on one machine is not compiled again, by the same compiler in the same way, on the next (ccache).
make_base() {
  rm -rf "$folder"/needs*
  [ -e "$base.made" ] && return
  echo "Making a Debian 12 in $base" >&2
  rm -rf "$base"
  debootstrap --variant=minbase --include=sudo,ca-certificates,ccache --cache-dir="$folder/archives" bookworm "$base" \
    >"$logs/base" 2>&1 || return
  chroot "$base" useradd --create-home --shell /bin/bash $user
  printf '%s\n' "$user ALL=(ALL) NOPASSWD: ALL" "Defaults secure_path=\"$path\"" \
    'Defaults env_keep += "CCACHE_DIR CCACHE_UMASK"' >"$base/etc/sudoers.d/$user"
  echo "127.0.0.1 localhost $(uname -n)" >"$base/etc/hosts"
  cp /etc/resolv.conf "$base/etc/"
  printf '%s\n' 'APT::Get::Assume-Yes "true";' 'Dpkg::Options { "--force-unsafe-io"; };' 'Dpkg::Use-Pty "false";' \
    'Binary::apt-get::APT::Keep-Downloaded-Packages "true";' >"$base/etc/apt/apt.conf.d/90fresh"
  touch "$base.made"
}

home_of() { if [ "$1" = root ]; then echo /root; else echo "/home/$1"; fi; }

# What every way needs is installed once: without a Lua, and then for this one.
make_needs() { # Lua
  if ! [ -e "$folder/needs.made" ]; then
    inside needs "$base" $user "set -ex; $(commands needs 5.4 | sed 's/ lua5\.4 liblua5\.4-dev//')" >"$logs/needs" 2>&1 || return
    touch "$folder/needs.made"
  fi
  [ -e "$folder/needs-$1.made" ] && return
  inside "needs-$1" "$folder/needs:$base" $user "set -ex; $(commands needs "$1")" >"$logs/needs-$1" 2>&1 || return
  touch "$folder/needs-$1.made"
}

# The checkout, for whoever installs; a repository with the tag of a release; and what is tried afterwards.
make_checkout() {
  local layer=$folder/checkout owner home
  rm -rf "$layer"
  mkdir -p "$layer/srv/checkout" "$layer/home"
  cp -r --parents spec/fresh spec/examples "$layer/srv/checkout"
  for owner in $user root; do
    home=$layer$(home_of $owner)
    mkdir -p "$home/cdfworkflow"
    chmod --reference="$base$(home_of $owner)" "$home"
    tar --exclude=./.git --exclude=./build --exclude=node_modules -cf - . | tar -xf - -C "$home/cdfworkflow" --no-same-owner
    chown -R --reference="$base$(home_of $owner)" "$home"
  done
  cp -r "$layer/root/cdfworkflow" "$layer/srv/published"
  (cd "$layer/srv/published" && git init -q && git add -A &&
    git -c user.name=fresh -c user.email=fresh@localhost commit -q -m "A release" &&
    git tag "v$(sed -n 's/^#define CDFW_VERSION "\(.*\)"/\1/p' src/client.h)") || return
  chown -R --reference="$base/home/$user" "$layer/srv/published"
}

# Each process that a command starts there ends with it.
inside() { # machine, what is under it, user, script (bash)
  mkdir -p "$folder/$1" "$folder/work/$1" "$folder/root"
  # shellcheck disable=SC2016 # what is quoted is for the shell in between
  timeout 900 unshare --mount --pid --fork --kill-child sh -c 'folder=$1 root=$1/root
    mount -t overlay overlay -o "lowerdir=$3,upperdir=$folder/$2,workdir=$folder/work/$2" "$root" &&
    mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" &&
    mount --bind "$folder/archives" "$root/var/cache/apt/archives" &&
    mkdir -p "$root/var/cache/ccache" && mount --bind "$folder/compiled" "$root/var/cache/ccache" && exec chroot "$root" \
      setpriv --reuid="$4" --regid="$4" --init-groups env -i HOME="$5" USER="$4" TERM=dumb LANG=C.UTF-8 \
      DEBIAN_FRONTEND=noninteractive PATH="$7" \
      CCACHE_DIR=/var/cache/ccache CCACHE_UMASK=000 bash -c "$6"' \
    sh "$folder" "$1" "$2" "$3" "$(home_of "$3")" "$4" $path </dev/null
}

# The same with no network but loopback.
inside_alone() { # machine, what is under it, user, script
  folder=$folder path=$path unshare --net bash -c "$(declare -f home_of inside)
    ip link set lo up; inside \"\$@\"" bash "$@"
}

# The commands for a way, for this Lua. Where there is LuaJIT alone other packages stand in place of the first Lua's.
commands() { # way, Lua, nothing where what every way needs is there
  local name other="s/5\.4/$2/g"
  [ "$2" != luajit ] || other='s/lua5\.4 liblua5\.4-dev/luajit libluajit-5.1-dev/; s|lua/5\.4|lua/5.1|g; s/5\.4/luajit/g'
  for name in ${3-needs} "${1#needs}"; do
    [ -z "$name" ] || sed -n "/^\`\`\`sh $name\$/,/^\`\`\`\$/{/^\`\`\`/d;p}" README.md src/README.md
  done | sed "$other"
}

# What a shell must know afterwards: those of the commands that only tell it something.
settings() { commands "$1" "$2" | grep -E '^(export|eval) '; }

check() { # machine, what is under it, user, way, Lua
  inside_alone "$1" "$2" "$3" "cd; $(settings "$4" "$5")
    export WAY=$4 LUA_VERSION=$5 CHECKOUT=/srv/checkout; bash /srv/checkout/spec/fresh/check.sh"
}

# What a program says that lacks something names the package: nothing but that is installed.
install_what_is_named() { # machine, what is under it, user, way, Lua
  local said package
  for _ in 1 2 3 4 5; do
    said=$(inside "$1" "$2" "$3" "cd; $(settings "$4" "$5")
      printf 'a: 1\n' >a.yaml; cdfworkflow lint a.yaml; timeout 2 cdfworkflow-sim --port 0" 2>&1)
    package=$(sed -n "s/.*, or Debian's \(lua-[a-z]*\).*/\1/p" <<<"$said" | head -n 1)
    [ -n "$package" ] || return 0
    echo "named: $package"
    inside "$1" "$2" root "apt-get install $package" || return
  done
  echo "still missing: $said"
  return 1
}

# From the commands to a machine where it can be tried: where this stops stands in `step`.
install_there() { # machine, what is under it, who installs, way, Lua, nothing where what every way needs is there
  step="the commands"
  inside "$1" "$2" "$3" "cd; cd cdfworkflow; export ADDRESS=file:///srv/published; set -ex
    $(commands "$4" "$5" ${6+"$6"} | { [ "$3" != root ] && cat || sed 's/^sudo //'; })" || return
  step="what is missing is named with its package"
  install_what_is_named "$1" "$2" "$3" "$4" "$5" || return
  [ "$5" = 5.1 ] || return 0
  step="LuaJIT and nginx are there"
  inside "$1" "$2" root "apt-get install luajit2 nginx-light libnginx-mod-http-lua"
}

passed=0 failed=0
judge() { # status, way, Lua, user
  local user=$4 said=ok why=""
  [ "$user" = root ] || user="an ordinary user"
  if [ "$1" = 0 ]; then passed=$((passed + 1))
  else failed=$((failed + 1)) said=FAILED why="at: $step  "; fi
  printf '%-6s  %-12s  %-6s  for %-16s  %s%s\n' $said "$2" "$3" "$user" "$why" "($((SECONDS - begun)) s)"
  echo "$2 $3 $4 $said" >>"$folder/results"
}

# A way on a machine of its own; for more than one Lua it is for one after the other.
go() { # way, Luas
  local named=$1 way=${1%[+]} as=$user machine=${1/\//-}-${2// /-} lower log users lua who step begun status before=$failed
  [ "$way" = "${way%/root}" ] || as=root
  way=${way%/root}
  lower=$folder/checkout:$folder/needs-${2%% *}:$folder/needs:$base log=$logs/$machine
  case $way in *-home | *-tree | rock-*) users=$as ;; *) users="$user root" ;; esac
  rm -rf "${folder:?}/$machine" "$folder/work/$machine" "$log"
  for lua in $2; do
    begun=$SECONDS
    step="what every way needs"
    if [ "$lua" = "${2%% *}" ]; then make_needs "$lua" && install_there "$machine" "$lower" $as "$way" "$lua" ""
    else install_there "$machine" "$lower" $as "$way" "$lua"; fi >>"$log" 2>&1
    status=$?
    for who in $users; do
      if [ $status = 0 ]; then
        step="it works"
        check "$machine" "$lower" $who "$way" "$lua" >>"$log" 2>&1
        judge $? "$named" "$lua" $who
      else judge $status "$named" "$lua" $who; fi
      begun=$SECONDS
    done
  done
  [ $failed != "$before" ] || rm -rf "${folder:?}/$machine" "$folder/work/$machine"
}

table() {
  awk -v luas="$luas" '
    { if (!seen[$1]++) ways[++n] = $1
      cell = $1 " " $2; cells[cell] = cells[cell] (cells[cell] ? " " : "") ($3 == "root" ? "root" : "user") ":" $4 }
    END {
      count = split(luas, lua)
      printf "%-13s", "way"; for (i = 1; i <= count; i++) printf " %-19s", lua[i]; print ""
      for (w = 1; w <= n; w++) {
        printf "%-13s", ways[w]
        for (i = 1; i <= count; i++) { c = cells[ways[w] " " lua[i]]; printf " %-19s", c ? c : "-" }
        print ""
      } }' "$folder/results"
}

mkdir -p "$logs" "$folder/archives/partial" "$folder/compiled"
chmod 777 "$folder/compiled"
: >"$folder/results"
make_base || { echo "No Debian could be made: see $logs/base" >&2; exit 1; }
make_checkout || exit
for way in $ways; do
  plain=${way%[+]} plain=${plain%/root}
  grep -qx "\`\`\`sh $plain" README.md src/README.md || { echo "README.md has no commands for $way" >&2; exit 1; }
done
for way in $ways; do
  case $way in
    *+) go "$way" "${luas/ luajit/}" ;;
    *) for lua in $luas; do
        # Packages and rocks are for 5.1 where they are for LuaJIT.
        case $lua-$way in luajit-make*) go "$way" luajit ;; luajit-*) ;; *) go "$way" "$lua" ;; esac
      done ;;
  esac
done
echo
table
echo
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed != 0 ]
