// SPDX-License-Identifier: MIT
import type { Device } from './device.ts';

export type Service = 'open-sesame-profile' | 'open-sesame-secrets';

/** What the kernel says about a daemon and its control group; sizes in bytes. */
export interface DaemonMemory {
  readonly pid: number;
  /** memory.max */
  readonly max: number;
  /** memory.peak, since the service was started. */
  readonly peak: number;
  readonly current: number;
  readonly oomKills: number;
  readonly anonymous: number;
  /** NaN on a kernel without CONFIG_PROC_PAGE_MONITOR. */
  readonly pss: number;
  readonly majorFaults: number;
  readonly lockLimit: number;
  /** How often the supervisor has started the daemon again. */
  readonly restarts: number;
}

/** The line that the daemon's heartbeat ends with is its pid. */
export function pidScript(service: Service): string {
  return `set -- $(cat /run/open-sesame/${service}.alive); pid=$2`;
}

/** Reads everything in one go, so that the figures belong together. */
export async function daemonMemory(device: Device, service: Service): Promise<DaemonMemory> {
  const text = await device.must(`${pidScript(service)}
    cd /sys/fs/cgroup/${service}
    echo pid $pid
    for file in max peak current; do echo $file $(cat memory.$file); done
    grep '^oom_kill ' memory.events
    awk '/^RssAnon:/ { print $1, $2 }' /proc/$pid/status
    [ ! -e /proc/$pid/smaps_rollup ] || awk '/^Pss:/ { print $1, $2 }' /proc/$pid/smaps_rollup
    awk '{ print "majflt", $12 }' /proc/$pid/stat
    awk '/^Max locked memory/ { print "lock", $4 }' /proc/$pid/limits
    echo restarts $(cat /run/openrc/options/${service}/start_count)`);
  const values = new Map(
    text
      .trim()
      .split('\n')
      .map((line) => {
        const [name = '', value] = line.split(/\s+/);
        return [name, Number(value)] as const;
      }),
  );
  const value = (name: string): number => values.get(name) ?? Number.NaN;
  return {
    pid: value('pid'),
    max: value('max'),
    peak: value('peak'),
    current: value('current'),
    oomKills: value('oom_kill'),
    anonymous: value('RssAnon:') * 1024,
    pss: value('Pss:') * 1024,
    majorFaults: value('majflt'),
    lockLimit: value('lock'),
    restarts: value('restarts'),
  };
}
