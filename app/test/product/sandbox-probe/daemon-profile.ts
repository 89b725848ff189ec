// SPDX-License-Identifier: MIT
import '../../../src/daemons/profile/main.ts';
import { attackOnSignal } from '../../support/sandbox-tries/attack.ts';

attackOnSignal();
