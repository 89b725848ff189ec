// SPDX-License-Identifier: MIT
import type { InitName } from '../build/init-system.ts';
import type { Service } from './memory.ts';

/** How a person on the device deals with the services: lines of shell, as the README of each init system has them. */
export interface ServiceControl {
  /** Returns when the daemon answers. */
  start(service: Service): string;
  stop(service: Service): string;
  /** Returns when the new daemon answers. */
  restart(service: Service): string;
  reload(service: Service): string;
  /** Sets `pid`, to nothing while there is no daemon that answers. */
  pid(service: Service): string;
  /** Succeeds when a crash loop has ended. */
  givenUp(service: Service): string;
  /** Prints what the daemon has said, and what was said about it. */
  messages(service: Service): string;
  /** The directory of the control group below /sys/fs/cgroup, perhaps as a pattern of the shell. */
  controlGroup(service: Service): string;
}

/** The heartbeat of the daemon ends with its pid; it outlives the daemon. */
const beating = (service: Service): string =>
  `pid=$(cut -c 1-31 /run/open-sesame/${service}.alive 2> /dev/null | cut -d ' ' -f 2)`;
const healthy = (service: Service): string =>
  `pid=; if /usr/lib/open-sesame/supervision/health ${service} 2> /dev/null; then ${beating(service)}; fi`;
const daemonOf = (service: Service): string => service.replace('open-sesame', 'daemon');

const openrc: ServiceControl = {
  start: (service) => `rc-service ${service} start`,
  stop: (service) => `rc-service ${service} stop`,
  restart: (service) => `rc-service ${service} restart`,
  reload: (service) => `rc-service ${service} reload`,
  pid: beating,
  // OpenRC notices with the next question about the service.
  givenUp: (service) => `rc-service ${service} status; [ -e /run/openrc/failed/${service} ]`,
  messages: (service) => `cat /run/open-sesame/log/${daemonOf(service)}.log`,
  // Newer ones call it openrc.NAME.
  controlGroup: (service) => `*${service}`,
};

const script = (service: Service): string => `/etc/init.d/S8?${service}`;

const busybox: ServiceControl = {
  start: (service) => `${script(service)} start`,
  stop: (service) => `${script(service)} stop`,
  restart: (service) => `${script(service)} restart`,
  reload: (service) => `${script(service)} reload`,
  pid: healthy,
  givenUp: (service) => `${script(service)} status 2>&1 | grep 'is not started again'`,
  messages: (service) => `cat /run/open-sesame/log/${daemonOf(service)}.log`,
  controlGroup: (service) => `open-sesame.${daemonOf(service)}`,
};

const runit: ServiceControl = {
  start: (service) => `sv up ${service} && sv -w 120 check ${service}`,
  stop: (service) => `sv -w 30 stop ${service}`,
  restart: (service) => `sv -w 120 restart ${service}`,
  reload: (service) => `sv hup ${service}`,
  pid: healthy,
  givenUp: (service) => `sv status ${service} | grep ^down`,
  messages: (service) => `cat /run/open-sesame/log/${daemonOf(service)}/current`,
  controlGroup: (service) => `open-sesame.${daemonOf(service)}`,
};

const systemd: ServiceControl = {
  start: (service) => `systemctl reset-failed ${service}; systemctl start ${service}`,
  stop: (service) => `systemctl stop ${service}`,
  restart: (service) => `systemctl restart ${service}`,
  reload: (service) => `systemctl reload ${service}`,
  pid: (service) =>
    `pid=; if systemctl -q is-active ${service}; then pid=$(systemctl show --property MainPID --value ${service}); fi`,
  givenUp: (service) => `systemctl -q is-failed ${service}`,
  messages: (service) => `journalctl --no-pager --output cat --unit ${service}`,
  controlGroup: (service) => `system.slice/${service}.service`,
};

const controls: Readonly<Record<InitName, ServiceControl>> = { openrc, busybox, runit, systemd };

export function serviceControl(init: InitName): ServiceControl {
  return controls[init];
}
