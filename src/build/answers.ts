/** Programs of a full system that maintainer scripts call and an image does not need: each succeeds and does nothing. */
export const DO_NOTHING = [
  // users, owners and permissions: an image has one owner, and its users are the host's
  ...['adduser', 'addgroup', 'deluser', 'delgroup', 'useradd', 'groupadd', 'usermod', 'userdel', 'groupdel', 'gpasswd', 'passwd', 'chage'],
  ...['chown', 'chgrp', 'setcap', 'dpkg-statoverride', 'systemd-sysusers'],
  // services
  ...[
    'invoke-rc.d',
    'update-rc.d',
    'service',
    'systemctl',
    'pam-auth-update',
    'deb-systemd-helper',
    'deb-systemd-invoke',
    'start-stop-daemon',
    'update-inetd',
  ],
  ...['systemd-tmpfiles', 'udevadm', 'dbus-send', 'rc-service'],
  // registries of documents, menus and mime types
  ...['install-info', 'update-mime', 'update-mime-database', 'update-desktop-database', 'gtk-update-icon-cache', 'update-icon-caches'],
  ...['update-menus', 'install-docs', 'mandb', 'update-xmlcatalog-doc', 'xdg-mime', 'update-dictcommon-aspell', 'aspell-autobuildhash'],
  // the administrator's choices, none of which were made
  ...[
    'ucfr',
    'ucfq',
    'dpkg-maintscript-helper',
    'debconf-set-selections',
    'debconf-show',
    'debconf-communicate',
    'dpkg-reconfigure',
    'dpkg-preconfigure',
  ],
  // the disk: an image is written to it once, when it is whole
  'sync',
  // kernels and boot
  ...['update-initramfs', 'depmod', 'update-grub', 'kernel-install'],
] as const
