// SPDX-License-Identifier: MIT
import type { Device } from './device.ts';

export const services = ['open-sesame-profile', 'open-sesame-secrets'] as const;
export type Service = (typeof services)[number];

/** What the kernel says about a process and its control group; sizes in bytes. */
export interface ProcessMemory {
  /** memory.max; Infinity when there is no limit. */
  readonly max: number;
  /** memory.peak, since the control group was made. */
  readonly peak: number;
  readonly oomKills: number;
  readonly anonymous: number;
  /** NaN on a kernel without CONFIG_PROC_PAGE_MONITOR. */
  readonly pss: number;
  readonly majorFaults: number;
  readonly lockLimit: number;
}

/** The line that the daemon's heartbeat ends with is its pid. */
export function pidScript(service: Service): string {
  return `set -- $(cat /run/open-sesame/${service}.alive); pid=$2`;
}

/** Memory of a daemon. */
export async function daemonMemory(device: Device, service: Service): Promise<ProcessMemory> {
  return await readMemory(device, device.control.controlGroup(service), device.control.pid(service));
}

/** How often the supervisor has started a daemon again. */
export async function restarts(device: Device, service: Service): Promise<number> {
  return Number(await device.must(`cat /run/openrc/options/${service}/start_count`));
}

/** Memory of a Node that does nothing, with the daemons' flags and environment, in a control group of its own. */
export async function bareNodeMemory(device: Device): Promise<ProcessMemory> {
  await device.must(`mkdir -p /sys/fs/cgroup/bare
    ${pidScript('open-sesame-profile')}
    export $(tr '\\0' '\\n' < /proc/$pid/environ | grep -E '^(GLIBC_TUNABLES|UV_THREADPOOL_SIZE)=')
    words=$(tr '\\0' ' ' < /proc/$pid/cmdline | sed 's/ [^ ]*[.]cjs.*//')
    (
      echo 0 > /sys/fs/cgroup/bare/cgroup.procs
      exec $words -e 'process.stdout.write("up"); setInterval(() => {}, 1e6)'
    ) > /tmp/bare 2>&1 &
    echo $! > /tmp/bare.pid
    until grep -q up /tmp/bare; do sleep 0.1; done`);
  const memory = await readMemory(device, 'bare', 'pid=$(cat /tmp/bare.pid)');
  await device.must('kill $(cat /tmp/bare.pid)');
  return memory;
}

/** Reads everything in one go, so that the figures belong together. */
async function readMemory(device: Device, controlGroup: string, findPid: string): Promise<ProcessMemory> {
  const text = await device.must(`${findPid}
    cd /sys/fs/cgroup/${controlGroup}
    for file in max peak; do echo $file $(cat memory.$file); done
    grep '^oom_kill ' memory.events
    awk '/^RssAnon:/ { print $1, $2 }' /proc/$pid/status
    [ ! -e /proc/$pid/smaps_rollup ] || awk '/^Pss:/ { print $1, $2 }' /proc/$pid/smaps_rollup
    awk '{ print "majflt", $12 }' /proc/$pid/stat
    awk '/^Max locked memory/ { print "lock", $4 }' /proc/$pid/limits`);
  const values = new Map(
    text
      .trim()
      .split('\n')
      .map((line) => {
        const [name = '', value] = line.split(/\s+/);
        return [name, value === 'max' || value === 'unlimited' ? Number.POSITIVE_INFINITY : Number(value)] as const;
      }),
  );
  const value = (name: string): number => values.get(name) ?? Number.NaN;
  return {
    max: value('max'),
    peak: value('peak'),
    oomKills: value('oom_kill'),
    anonymous: value('RssAnon:') * 1024,
    pss: value('Pss:') * 1024,
    majorFaults: value('majflt'),
    lockLimit: value('lock'),
  };
}
