// SPDX-License-Identifier: MIT

/** Whose service files of the release there are devices for: folders of app/init. */
export type InitName = 'openrc' | 'busybox' | 'runit' | 'systemd';

/** What makes a root file system come up: the one part of a device that differs between init systems. */
export interface InitSystem {
  /** Names the artefacts made with it. */
  readonly name: string;
  /** Whose service files of the release are installed. */
  readonly services: InitName;
  /** Debian packages beside those of every device. */
  readonly packages: readonly string[];
  /** Directories whose content ends up in the root file system; its cached image is made again when they change. */
  readonly sources: readonly string[];
  /** Paths of the packages that nobody needs. */
  readonly unwanted: readonly string[];
  /** Puts settings and the device's agent in place; packages, product with its services, and common files are there already. */
  install(root: string): void;
}
