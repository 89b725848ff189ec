// SPDX-License-Identifier: MIT
import { attackOnSignal } from '../../support/sandbox-tries/attack.ts';

void attackOnSignal().then(() => import('../../../src/daemons/secrets/main.ts'));
