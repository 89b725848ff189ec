// SPDX-License-Identifier: MIT
import '../../../src/daemons/secrets/main.ts';
import { attackOnSignal } from '../../support/sandbox-tries/attack.ts';

attackOnSignal();
