/** What runs in a virtual machine before the server does: two scripts for busybox, and the modules that they load. */

/** TCP port of the guest's shell, reachable from the host alone. */
export const SHELL_PORT = 9999
/** TCP port that servers listen on. */
export const SERVER_PORT = 8080
/** What the guest writes to its console once its shell listens. */
export const READY_LINE = '@holdfast-lab-ready'

/** In the order in which they must be loaded; a module that the kernel has built in is missing as a file. */
export const MODULES = [
  'virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_mmio',
  'virtio_blk failover net_failover virtio_net',
  'crc16 crc32c_generic libcrc32c mbcache jbd2 ext4',
].flatMap((names) => names.split(' '))

/**
 * First program of the initramfs: finds the root disk. With `probe` on the kernel's command line it only says hello.
 */
export const INITRAMFS_INIT = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /root
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
if /bin/busybox grep -qw probe /proc/cmdline; then
  echo ${READY_LINE}
  exec /bin/busybox reboot -f
fi
for name in ${MODULES.join(' ')}; do
  [ -e /modules/$name.ko ] && /bin/busybox insmod /modules/$name.ko
done
until /bin/busybox mount -t ext4 -o ro /dev/vda /root 2>/dev/null; do /bin/busybox sleep 0.05; done
/bin/busybox mount --move /dev /root/dev
/bin/busybox mount --move /proc /root/proc
exec /bin/busybox switch_root /root /sbin/init
`

/**
 * First program of the root disk: disks, network, a shell for the lab. Restarts nothing: what dies stays dead.
 *
 * The multi-generational LRU keeps a server going in half the memory that it crawls in without (kernel docs,
 * admin-guide/mm/multigen_lru). Its `min_ttl_ms` stays off: it kills servers that hold.
 */
export const ROOT_INIT = `#!/bin/sh
export PATH=/bin HOME=/data
mount -t sysfs sys /sys
mount -t tmpfs tmp /tmp
echo y >/sys/kernel/mm/lru_gen/enabled
mount -t ext4 /dev/vdb /data
[ -e /dev/vdc ] && mount -t ext4 -o ro /dev/vdc /program
ip link set lo up
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
nc -ll -p ${SHELL_PORT} -e /bin/sh &
until netstat -ltn | grep -q :${SHELL_PORT}; do sleep 0.05; done
echo ${READY_LINE} >/dev/console
while :; do sleep 3600; done
`
