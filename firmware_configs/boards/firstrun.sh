#!/bin/sh
# Raspberry Pi OS 12 (Bookworm) runs this once, told by its kernel command line, and restarts the board.
boot=/boot/firmware
sh "$boot/siaga/first_boot.sh" prepare bookworm || true
# Only now: a power cut before this line, and it runs again.
sed -i 's| systemd\.run=[^ ]*||; s| systemd\.run_success_action=[^ ]*||; s| systemd\.unit=kernel-command-line\.target||' \
    "$boot/cmdline.txt"
rm -f "$boot/firstrun.sh"
exit 0
