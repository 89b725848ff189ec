// SPDX-License-Identifier: MIT
import type { FromSchema } from 'json-schema-to-ts';
import { logLevels } from '../core/log.ts';
import { accountPattern, clientSchema, credentialPattern, publicKeyPattern } from './schema-client.ts';
import { tctiPattern, tpm } from './schema-tpm.ts';

export const profilePattern = '^[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}$';
const clientPattern = '^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$';
const ruleClientPattern = '^(?:[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}|\\*)$';
const absolutePathPattern = '^/[^\\u0000]{1,106}$';

/** What to write for each pattern of the schema, as the second half of "write …". */
export const patternRemedies: Readonly<Record<string, string>> = {
  [profilePattern]: '1 to 64 letters, digits, "_" or "-", starting with a letter or digit',
  [clientPattern]: '1 to 64 letters, digits, ".", "_" or "-", starting with a letter or digit',
  [ruleClientPattern]: 'the name of a client, or "*" for every client that no rule names',
  [accountPattern]: 'a number, or the name of an account as /etc/passwd or /etc/group has it',
  [absolutePathPattern]: 'an absolute path of at most 107 bytes, which is what a Unix socket holds',
  [tctiPattern]: 'the name of a transport and its settings, such as "device:/dev/tpmrm0"',
  [credentialPattern]: '1 to 64 printable ASCII characters without spaces, "/" and ":"',
  [publicKeyPattern]: 'the 32 bytes of the public key as 64 hexadecimal digits',
};

/** A setting of Open Sesame on the desktop: accepted so that one file serves both, without effect here. */
export const ignoredSetting = { description: 'A desktop setting; accepted and ignored on devices.' } as const;

const ipc = {
  type: 'object',
  description: 'The bus between programs and daemons.',
  properties: {
    channel_capacity: {
      type: 'integer',
      minimum: 16,
      maximum: 4096,
      default: 128,
      description: 'Messages that wait for one subscriber before it counts as slow.',
    },
    slow_subscriber_timeout_ms: {
      type: 'integer',
      minimum: 100,
      maximum: 600_000,
      default: 5000,
      description: 'Milliseconds that a subscriber may stay full before it is disconnected.',
    },
    socket_path: {
      type: 'string',
      pattern: absolutePathPattern,
      description: 'Path of the bus socket; bus.sock in the runtime directory when absent.',
    },
  },
  additionalProperties: false,
  default: {},
} as const;

const logging = {
  type: 'object',
  description: 'What the daemons write to standard error.',
  properties: {
    level: { type: 'string', enum: logLevels, default: 'info', description: 'The least serious level that is written.' },
    json: { type: 'boolean', default: false, description: 'One JSON object a line instead of text.' },
    journald: {
      type: 'boolean',
      default: true,
      description: 'Mark lines with their priority when standard error is the journal of systemd; otherwise without effect.',
    },
  },
  additionalProperties: false,
  default: {},
} as const;

const sandbox = {
  type: 'object',
  description: 'What the daemons give up before they start; a change counts after a restart.',
  properties: {
    enabled: { type: 'boolean', default: true, description: 'Confine the daemons to what they need, with Landlock and seccomp.' },
    require: {
      type: 'array',
      maxItems: 2,
      uniqueItems: true,
      items: { type: 'string', enum: ['landlock', 'seccomp'] },
      default: [],
      description: 'A daemon does not start where the kernel lacks one of these; otherwise it says so and starts.',
    },
  },
  additionalProperties: false,
  default: {},
} as const;

const rateLimit = {
  type: 'object',
  description: 'Requests allowed to each client, and to each uid among unregistered clients.',
  properties: {
    per_second: { type: 'integer', minimum: 1, maximum: 100_000, default: 100, description: 'Requests a second.' },
    burst: { type: 'integer', minimum: 1, maximum: 100_000, default: 200, description: 'Requests at once.' },
  },
  additionalProperties: false,
  default: {},
} as const;

const globalSecrets = {
  type: 'object',
  description: 'Open vaults.',
  properties: {
    idle_close_ms: {
      type: 'integer',
      minimum: 10,
      maximum: 3_600_000,
      default: 1000,
      description: 'Milliseconds without use after which a vault file is closed and its page key leaves memory.',
    },
    partial_unlock_seconds: {
      type: 'integer',
      minimum: 10,
      maximum: 3600,
      default: 120,
      description: 'Seconds for which the first factors of several are remembered while the others are awaited.',
    },
  },
  additionalProperties: false,
  default: {},
} as const;

const keys = {
  type: 'object',
  description: 'The keys of the bus and its daemons.',
  properties: {
    rotation_grace_seconds: {
      type: 'integer',
      minimum: 1,
      maximum: 3600,
      default: 30,
      description: 'Seconds for which an old key is still accepted after a rotation.',
    },
  },
  additionalProperties: false,
  default: {},
} as const;

const ssh = {
  type: 'object',
  description: 'The ssh agent whose keys open vaults.',
  properties: {
    agent_socket: {
      type: 'string',
      pattern: absolutePathPattern,
      description: 'Its socket where SSH_AUTH_SOCK is not set.',
    },
  },
  additionalProperties: false,
  default: {},
} as const;

const globalAudit = {
  type: 'object',
  description: 'The audit chain; at most max_bytes × max_files are kept.',
  properties: {
    max_bytes: {
      type: 'integer',
      minimum: 65_536,
      maximum: 1_073_741_824,
      default: 4_194_304,
      description: 'Bytes at which a new file is begun.',
    },
    max_files: { type: 'integer', minimum: 2, maximum: 1000, default: 4, description: 'Files kept, the current one included.' },
  },
  additionalProperties: false,
  default: {},
} as const;

const crypto = {
  type: 'object',
  description: 'Algorithms. kdf and hkdf hold for vaults made from now on; existing vaults keep theirs.',
  properties: {
    kdf: {
      type: 'string',
      enum: ['argon2id', 'pbkdf2-sha256'],
      default: 'argon2id',
      description: 'Password to key.',
    },
    hkdf: { type: 'string', enum: ['blake3', 'hkdf-sha256'], default: 'blake3', description: 'Key to key.' },
    noise_cipher: {
      type: 'string',
      enum: ['chacha-poly', 'aes-gcm'],
      default: 'chacha-poly',
      description: 'Cipher of the bus.',
    },
    noise_hash: { type: 'string', enum: ['blake2s', 'sha256'], default: 'blake2s', description: 'Hash of the bus.' },
    audit_hash: {
      type: 'string',
      enum: ['blake3', 'sha256'],
      default: 'blake3',
      description: 'Hash of the audit chain, from the next file on.',
    },
    minimum_peer_profile: {
      type: 'string',
      enum: ['leading-edge', 'governance-compatible', 'custom'],
      default: 'leading-edge',
      description: 'The weakest set of algorithms accepted from a peer.',
    },
  },
  additionalProperties: false,
  default: {},
} as const;

const auth = {
  type: 'object',
  description: 'How the factors of the profile combine.',
  properties: {
    mode: {
      type: 'string',
      enum: ['any', 'all', 'policy'],
      default: 'any',
      description: 'One enrolled factor, every enrolled factor, or the required ones and some more.',
    },
    required: {
      type: 'array',
      maxItems: 6,
      uniqueItems: true,
      items: { type: 'string', enum: ['password', 'ssh-agent', 'fido2', 'tpm', 'fingerprint', 'yubikey'] },
      default: [],
      description: 'With mode "policy": the factors that are always needed.',
    },
    additional_required: {
      type: 'integer',
      minimum: 0,
      maximum: 6,
      default: 0,
      description: 'With mode "policy": how many further enrolled factors are needed.',
    },
  },
  additionalProperties: false,
  default: {},
} as const;

const profileSecrets = {
  type: 'object',
  description: 'The secrets of the profile.',
  properties: {
    access: {
      type: 'object',
      description:
        'Per client, the names of the secrets that it may use; "*" is all, a trailing "/*" all below, [] none. ' +
        'The client "*" stands for every one that has no rule of its own; without that rule, these may use everything.',
      maxProperties: 256,
      patternProperties: {
        [ruleClientPattern]: { type: 'array', maxItems: 1024, items: { type: 'string', minLength: 1, maxLength: 256 } },
      },
      additionalProperties: false,
      default: {},
    },
    provider: ignoredSetting,
    secrets: ignoredSetting,
  },
  additionalProperties: false,
  default: {},
} as const;

const profile = {
  type: 'object',
  properties: {
    name: { type: 'string', pattern: profilePattern, description: 'The name of the profile again, as the desktop writes it.' },
    extends: { type: 'string', pattern: profilePattern, description: 'The profile whose settings hold where this one has none.' },
    unlock: {
      type: 'string',
      enum: ['manual', 'tpm'],
      description: 'Who opens the vault: a person, or at every start of daemon-secrets the TPM alone; "manual" when absent.',
    },
    auth,
    secrets: profileSecrets,
    color: ignoredSetting,
    icon: ignoredSetting,
    activation: ignoredSetting,
    clipboard: ignoredSetting,
    input: ignoredSetting,
    wm: ignoredSetting,
    launcher: ignoredSetting,
    audit: ignoredSetting,
    launch_profiles: ignoredSetting,
    platform: ignoredSetting,
  },
  additionalProperties: false,
} as const;

const client = clientSchema(profilePattern);

/** The whole of config.toml (JSON Schema draft-07). `default` fills what no layer sets. */
export const configurationSchema = {
  title: 'Open Sesame for devices: config.toml',
  type: 'object',
  properties: {
    config_version: { type: 'integer', minimum: 1, maximum: 3, default: 3, description: 'Version of this format.' },
    global: {
      type: 'object',
      description: 'Settings of the daemons.',
      properties: {
        default_profile: {
          type: 'string',
          pattern: profilePattern,
          default: 'default',
          description: 'The profile that is meant when none is named.',
        },
        machine_binding: {
          type: 'string',
          enum: ['none', 'machine-id', 'tpm-bound'],
          default: 'tpm-bound',
          description:
            'What ties installation.toml to this machine, so that a copy on another one is noticed: /etc/machine-id, from init on; or the first key that the TPM seals.',
        },
        ipc,
        logging,
        rate_limit: rateLimit,
        sandbox,
        secrets: globalSecrets,
        ssh,
        keys,
        audit: globalAudit,
        tpm,
      },
      additionalProperties: false,
      default: {},
    },
    crypto,
    profiles: {
      type: 'object',
      description: 'Settings of each profile.',
      patternProperties: { [profilePattern]: profile },
      maxProperties: 256,
      additionalProperties: false,
      default: {},
    },
    clients: {
      type: 'object',
      description: 'Who may talk to the daemons. All criteria that a client states must hold.',
      patternProperties: { [clientPattern]: client },
      maxProperties: 256,
      additionalProperties: false,
      default: {},
    },
    agents: ignoredSetting,
    extensions: ignoredSetting,
  },
  additionalProperties: false,
} as const;

/** policy.toml: each entry locks one dotted key to a value, against every other file. */
export const policySchema = {
  title: 'Open Sesame for devices: policy.toml',
  type: 'object',
  properties: {
    config_version: configurationSchema.properties.config_version,
    policy: {
      type: 'array',
      maxItems: 256,
      items: {
        type: 'object',
        properties: {
          key: { type: 'string', minLength: 1, maxLength: 512, description: 'The dotted key that is locked.' },
          value: { description: 'The value that it is locked to.' },
          source: { type: 'string', maxLength: 256, description: 'Who demands it; shown when a file is overruled.' },
        },
        required: ['key', 'value'],
        additionalProperties: false,
      },
      default: [],
      description: 'The locks.',
    },
  },
  additionalProperties: false,
} as const;

/** A configuration file or the sum of several: whatever is set, without defaults. */
export type Settings = FromSchema<typeof configurationSchema, { keepDefaultedPropertiesOptional: true }>;
export type CompleteSettings = FromSchema<typeof configurationSchema>;
export type PolicyFile = FromSchema<typeof policySchema>;
