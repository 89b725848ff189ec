// SPDX-License-Identifier: MIT
import { busybox } from '../build/busybox.ts';
import { describeLifecycle } from './lifecycle.ts';

describeLifecycle({
  init: busybox,
  lockLimit: 8 * 1024 * 1024,
  hangs: /open-sesame-\w+: daemon-\w+ has been silent for \d+ s: it hangs and is started again/,
  noUser: /daemon-secrets: there is no user pds-secrets/,
  ownGroups: true,
  givenUp: /open-sesame-profile: daemon-profile ended too often and is not started again/,
});
