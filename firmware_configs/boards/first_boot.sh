#!/bin/sh
# The first boot of a Siaga gateway, from the files beside this script on the card's boot partition.
#
#   first_boot.sh prepare [bookworm]   before there is a network: clock, name, technicians, the service of the next line
#   first_boot.sh join                 with a network: software, claim, configuration; then the gateway starts
#
# Both may be run again after any power cut. Nothing of a person is put into a command: names, keys and networks are
# files that are copied whole. What happens is written to status.txt beside this script, so that it can be read on any
# computer. Below SIAGA_ROOT, where that is set, lies another root: then only files are written, and what needs root's
# rights (users, clock, services) is left out.
set -eu

card=$(cd "$(dirname "$0")" && pwd)
root=${SIAGA_ROOT:-}
venv=$root/opt/siaga/venv
config=$root/etc/siaga/gateway.toml
data=$root/var/lib/siaga
units=$root/etc/systemd/system

tell() {
    printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*" | tee -a "$card/status.txt"
}

put() { # MODE FROM TO
    install -D -m "$1" "$2" "$3"
}

enable_unit() { # as systemctl enable does, without a running systemd
    put 644 "$card/$1" "$units/$1"
    mkdir -p "$units/multi-user.target.wants"
    ln -sf "../$1" "$units/multi-user.target.wants/$1"
}

# prepare

# A board without a clock battery begins in the past; the card was written later than that.
no_earlier_than_the_card() {
    written=$(cat "$card/written")
    if [ "$(date +%s)" -lt "$written" ]; then
        date -u -s "@$written" >/dev/null
    fi
}

name_the_board() {
    put 644 "$card/hostname" "$root/etc/hostname"
    name=$(cat "$card/hostname")
    if ! grep -qsw "$name" "$root/etc/hosts"; then
        printf '127.0.1.1\t%s\n' "$name" >>"$root/etc/hosts"
    fi
}

# There is no password: technicians come by their keys, or not at all.
let_technicians_in() {
    [ -s "$card/technicians" ] || return 0
    id teknisi >/dev/null 2>&1 || useradd --create-home --shell /bin/bash teknisi
    passwd --lock teknisi >/dev/null
    keys=$(getent passwd teknisi | cut -d: -f6)/.ssh
    install -d -o teknisi -g teknisi -m 700 "$keys"
    install -o teknisi -g teknisi -m 600 "$card/technicians" "$keys/authorized_keys"
    put 440 "$card/sudoers" /etc/sudoers.d/siaga-teknisi
    put 644 "$card/sshd.conf" /etc/ssh/sshd_config.d/10-siaga.conf
    systemctl enable ssh.service >/dev/null 2>&1
}

# Trixie reads network-config by itself.
connect_bookworm() {
    for connection in "$card"/*.nmconnection; do
        [ -e "$connection" ] || continue
        put 600 "$connection" "$root/etc/NetworkManager/system-connections/$(basename "$connection")"
    done
    if [ -z "$root" ]; then
        raspi-config nonint do_wifi_country "$(cat "$card/country")" || true
        systemctl disable userconfig.service >/dev/null 2>&1 || true
    fi
}

prepare() {
    put 644 "$card/time.conf" "$root/etc/systemd/timesyncd.conf.d/siaga.conf"
    put 644 "$card/watchdog.conf" "$root/etc/systemd/system.conf.d/siaga.conf"
    name_the_board
    if [ "${1:-}" = bookworm ]; then
        connect_bookworm
    fi
    if [ -z "$root" ]; then
        no_earlier_than_the_card
        let_technicians_in
    fi
    enable_unit siaga-first-boot.service
    tell "disiapkan / prepared: $(cat "$card/hostname")"
    if [ -z "$root" ] && [ "${1:-}" != bookworm ]; then
        systemctl daemon-reload
        systemctl restart systemd-timesyncd.service || true
        systemctl start --no-block siaga-first-boot.service
    fi
}

# join

install_software() {
    [ ! -x "$venv/bin/siaga-edge" ] || return 0
    for wheel in "$card"/software/siaga-*.whl; do
        [ -e "$wheel" ] || { tell "GAGAL: tidak ada perangkat lunak di kartu / no software on the card"; exit 2; }
    done
    version=$(basename "$wheel" | cut -d- -f2)
    release=$root/opt/siaga/releases/$version
    # pip is no part of a small image.
    if [ -z "$root" ] && ! python3 -m venv --help >/dev/null 2>&1; then
        apt-get update -q && apt-get install -qy --no-install-recommends python3-venv
    fi
    rm -rf "$release"
    python3 -m venv --system-site-packages "$release"
    if [ -e "$card/software/complete" ]; then
        "$release/bin/pip" install -q --no-index -f "$card/software" --require-hashes \
            -r "$card/software/edge.txt"
    else
        "$release/bin/pip" install -q -f "$card/software" --only-binary :all: --require-hashes \
            -r "$card/software/edge.txt"
    fi
    "$release/bin/pip" install -q --no-index --no-deps "$wheel"
    ln -sfn "releases/$version" "$venv"
    tell "perangkat lunak / software: $version"
}

give_it_an_account() {
    id siaga >/dev/null 2>&1 || adduser --system --group --home "$data" --no-create-home siaga
    for group in gpio dialout i2c input; do
        if getent group "$group" >/dev/null; then
            adduser siaga "$group" >/dev/null
        fi
    done
    if grep -q '^\[\[current_loop\]\]' "$card/gateway.toml"; then
        raspi-config nonint do_i2c 0 || true
    fi
    install -d -o siaga -g siaga -m 700 "$data" "$root/etc/siaga"
}

configure() {
    install -d -m 700 "$data" "$root/etc/siaga"
    put 600 "$card/gateway.toml" "$config"
    for instrument in "$card"/instruments/*.toml; do
        [ -e "$instrument" ] || continue
        put 644 "$instrument" "$root/etc/siaga/instruments/$(basename "$instrument")"
    done
    if [ -z "$root" ]; then
        chown -R siaga:siaga "$root/etc/siaga"
    fi
}

as_gateway() {
    if [ -z "$root" ]; then
        runuser -u siaga -- "$venv/bin/siaga-edge" "$@"
    else
        "$venv/bin/siaga-edge" "$@"
    fi
}

# 0: it has its certificate. 1: no answer yet, the service tries again. 2: refused, it waits for a person.
enrol() {
    [ -e "$card/claim" ] || return 0
    # It was used already, and the power went before it was taken off the card: it would be refused.
    certificate=$data/tls/gateway.pem
    if [ -e "$certificate" ] && [ "$(stat -c %Y "$certificate")" -ge "$(cat "$card/written")" ]; then
        tell "terdaftar sebelumnya / enrolled before"
        return 0
    fi
    put 600 "$card/claim" "$data/claim"
    if [ -z "$root" ]; then
        chown siaga "$data/claim"
    fi
    status=0
    said=$(as_gateway enrol --config "$config" --claim-file "$data/claim" 2>&1) || status=$?
    rm -f "$data/claim"
    case $status in
        0) tell "terdaftar / enrolled" ;;
        2) tell "DITOLAK / REFUSED: $said" ;;
        *) tell "belum / not yet: $said" ;;
    esac
    return "$status"
}

join() {
    install_software
    if [ -z "$root" ]; then
        give_it_an_account
    fi
    configure
    if ! said=$(as_gateway check --config "$config" 2>&1); then
        tell "GAGAL / FAILED: $said"
        exit 2
    fi
    enrol || exit $?
    # Only now: until the claim is used, a cut of the power must find it again.
    rm -f "$card/claim" "$card"/*.nmconnection
    enable_unit siaga-edge.service
    enable_unit siaga-edge-upgrade.service
    rm -f "$units/multi-user.target.wants/siaga-first-boot.service"
    tell "selesai / done"
    if [ -z "$root" ]; then
        sync
        systemctl daemon-reload
        systemctl start --no-block siaga-edge.service
    fi
}

case ${1:-} in
    prepare) prepare "${2:-}" ;;
    join) join ;;
    *) echo "first_boot.sh prepare [bookworm] | join" >&2; exit 64 ;;
esac
