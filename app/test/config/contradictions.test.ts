// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Workplace } from './support.ts';

const workplace = new Workplace();

describe('contradictory settings', () => {
  const cases: readonly (readonly [what: string, text: string, said: readonly string[]])[] = [
    [
      'a client without criteria',
      '[clients.c]\nclearance = "open"',
      ['1:10 error client c could be anybody; add at least one of key, unit, uid, gid'],
    ],
    [
      'two clients with the same uid',
      '[clients.a]\nuid = 5\n[clients.b]\nuid = 5',
      ['3:10 error clients a and b have the same uid; join the two'],
    ],
    [
      'two clients with the same uid, once by name',
      '[clients.a]\nuid = 0\n[clients.b]\nuid = "root"',
      ['3:10 error clients a and b have the same uid; join the two'],
    ],
    [
      'two clients of one service',
      '[clients.a]\nunit = "x"\n[clients.b]\nunit = "x.service"',
      ['3:10 error clients a and b have the same unit; join the two'],
    ],
    [
      'a client with credentials that is no unit',
      '[clients.a]\nuid = 5\n[clients.a.credentials]\nx = "y"',
      ['3:12 error client a has credentials and is no unit; add unit = "….service", or remove them'],
    ],
    [
      'a unit with credentials and a user',
      '[clients.a]\nunit = "u"\nuid = 5\n[clients.a.credentials]\nx = "y"',
      [
        '4:12 error systemd asks for the credentials of a before it has its uid; give them to a client that states its unit alone',
      ],
    ],
    ['two clients that differ in one criterion', '[clients.a]\nuid = 5\n[clients.b]\nuid = 5\ngid = 6', []],
    [
      'a client that calls itself a daemon',
      '[clients.daemon-secrets]\nuid = 5',
      ['1:10 error the name daemon-secrets is reserved for daemons; choose one without "daemon-" in front'],
    ],
    [
      'administrators who may not change anything',
      '[clients.administrators]\nuid = 5',
      [
        '1:10 warning administrators have clearance profile-scoped, which is too low to change anything; write clearance = "secrets-only"',
      ],
    ],
    [
      'a user that does not exist',
      '[clients.a]\nuid = "nobody-has-this"',
      [
        '2:1 warning /etc/passwd has no nobody-has-this: client a matches nobody until it does; create the account, or write a number',
      ],
    ],
    [
      'a group that does not exist',
      '[clients.a]\ngid = "nobody-has-this"',
      [
        '2:1 warning /etc/group has no nobody-has-this: client a matches nobody until it does; create the account, or write a number',
      ],
    ],
    [
      'a profile that calls itself otherwise',
      '[profiles.p]\nname = "q"',
      ['2:1 warning profile p calls itself q; what stands in brackets counts; write name = "p", or remove it'],
    ],
    [
      'a policy that requires nothing',
      '[profiles.p.auth]\nmode = "policy"',
      ['2:1 error mode "policy" requires no factor at all; add required = ["…"] or additional_required = 1'],
    ],
    [
      'required factors without a policy',
      '[profiles.p.auth]\nrequired = ["tpm"]',
      [
        '2:1 error profiles.p.auth.required counts with mode "policy" only, and the mode is "any"; write mode = "policy", or remove required',
      ],
    ],
    ['required factors that are none', '[profiles.p.auth]\nrequired = []\nadditional_required = 0', []],
    [
      'a rule for a client that does not exist',
      '[clients.mqtt]\nuid = 5\n[profiles.p.secrets.access]\nmqtt = ["a"]\nmqqt = ["b"]',
      ['5:1 warning there is no client mqqt; did you mean mqtt?'],
    ],
    [
      'a rule for a client like no other',
      '[profiles.p.secrets.access]\nzebra = []',
      ['2:1 warning there is no client zebra; add [clients.zebra]'],
    ],
    [
      'a short name of a client that does not exist beside the rule of all others',
      '[profiles.p.secrets.access]\nz = []\n"*" = []',
      ['2:1 warning there is no client z; add [clients.z]'],
    ],
    ['a rule for administrators and daemons', '[profiles.p.secrets.access]\nadministrators = ["*"]\ndaemon-secrets = []', []],
    [
      'a star that is no pattern',
      '[profiles.p.secrets.access]\nadministrators = ["a*b", "a/*", "*"]',
      [
        '2:19 warning "a*b" means the secret of exactly this name; "*" alone is all, and "/*" at the end is all below; write one of these',
      ],
    ],
    [
      'a client that the rules of a profile forget',
      '[clients.a]\nuid = 5\n[profiles.p.secrets.access]\nadministrators = ["*"]',
      [
        '3:21 warning a may read all of profile p, having no rule; add a = [] or the names that it needs, or "*" = [] for all clients without a rule',
      ],
    ],
    [
      'a client without a rule where all those have one',
      '[clients.a]\nuid = 5\n[profiles.p.secrets.access]\nadministrators = ["*"]\n"*" = []',
      [],
    ],
    [
      'a client that may not read secrets at all',
      '[clients.a]\nuid = 5\nclearance = "internal"\n[profiles.p.secrets.access]\nadministrators = ["*"]',
      [],
    ],
    [
      'a profile that extends itself',
      '[profiles.p]\nextends = "p"',
      ['2:1 error profile p extends itself: p → p; remove one of these extends'],
    ],
    [
      'profiles that extend each other',
      '[profiles.a]\nextends = "b"\n[profiles.b]\nextends = "c"\n[profiles.c]\nextends = "a"\n[profiles.d]\nextends = "a"',
      ['2:1 error profile a extends itself: a → b → c → a; remove one of these extends'],
    ],
    [
      'a profile that extends one that does not exist',
      '[profiles.base]\n[profiles.p]\nextends = "bsae"\n[profiles.q]\nextends = "p"',
      ['3:1 error profile p extends bsae, which does not exist; did you mean base?'],
    ],
  ];

  for (const [what, text, said] of cases) {
    it(`${said.length === 0 ? 'do not include' : 'include'} ${what}`, () => assert.deepEqual(workplace.diagnose(text), said));
  }

  it('are at most 50, the errors before the rest', () => {
    const rules = Array.from({ length: 100 }, (_, index) => `stranger${index} = []\n`).join('');
    const said = workplace.diagnose(`[profiles.p.secrets.access]\n${rules}[clients.c]\n`);
    assert.equal(said.length, 50);
    assert.match(said[0] ?? '', /client c could be anybody/);
  });
});
