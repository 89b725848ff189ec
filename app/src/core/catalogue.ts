// SPDX-License-Identifier: MIT
import { bootErrors } from './catalogue-boot.ts';
import { tpmErrors } from './catalogue-tpm.ts';
import { Exit, type ExitCode } from './exit.ts';

interface CatalogueEntry {
  readonly exit: ExitCode;
  /** What happened, why, and the next step. `{name}` is replaced by the parameter of that name. Lower case, no full stop at the end. */
  readonly message: string;
}

/**
 * Every error that a person can act on. A code is stable once released: it is never renamed and never used for something else.
 * Parameters carry names, paths and numbers, never a secret.
 */
const makeCatalogue = () =>
  ({
    // Anything
    unexpected: { exit: Exit.unexpected, message: 'an unexpected failure in {where}: {cause}; this is a bug, please report it' },
    usage: { exit: Exit.usage, message: '{problem}; see: {command} --help' },

    // Names and values
    'profile-name-invalid': {
      exit: Exit.usage,
      message: 'the profile name {name} is not allowed: 1 to 64 letters, digits, "_" or "-", starting with a letter or digit',
    },
    'secret-name-invalid': {
      exit: Exit.usage,
      message: 'the secret name {name} is not allowed: {reason}; use 1 to 256 bytes of UTF-8 without control characters',
    },
    'value-too-long': {
      exit: Exit.usage,
      message: 'the value has {length} bytes and a secret holds at most {limit}; store the file encrypted and its key here',
    },

    'value-unfit': {
      exit: Exit.usage,
      message:
        'the secret {name} of profile {profile} does not fit into {format}: {reason}; nothing was printed, choose another format or read it with: sesame secret get',
    },

    // Programs that sesame starts; the exit codes are a shell's, 127 and 126
    'program-not-found': { exit: Exit.notFound, message: 'there is no program {name}' },
    'program-not-executable': { exit: Exit.unexpected, message: 'the program {name} cannot be run: {cause}' },

    // Profiles and vaults
    'vault-not-initialised': {
      exit: Exit.notInitialised,
      message: 'profile {profile} has no vault; create it with: sesame init -p {profile}',
    },
    'vault-exists': { exit: Exit.alreadySo, message: 'profile {profile} already has a vault; nothing was changed' },
    'vault-locked': {
      exit: Exit.locked,
      message: 'the vault of profile {profile} is locked; open it with: sesame unlock -p {profile}',
    },
    'unlock-overtaken': {
      exit: Exit.locked,
      message:
        'the vault of profile {profile} was locked while it was being unlocked, and stays locked; repeat the unlock if that is wanted',
    },
    'lock-unrecorded': {
      exit: Exit.storage,
      message: '{profiles}: locked, but the audit chain could not record it ({reason}); see: sesame status --doctor',
    },
    'vault-already-unlocked': { exit: Exit.alreadySo, message: 'the vault of profile {profile} is unlocked already' },
    'vault-busy': {
      exit: Exit.unexpected,
      message: 'the vault of profile {profile} is busy with {operation}; try again when it has ended',
    },
    'vault-damaged': {
      exit: Exit.damaged,
      message: 'the vault file {path} is damaged: {reason}; nothing was changed, restore the file from a backup',
    },
    'vault-file-missing': {
      exit: Exit.damaged,
      message: 'the vault file {path} is missing although profile {profile} is initialised; restore it from a backup',
    },
    'vault-key-refused': {
      exit: Exit.damaged,
      message:
        'the factor was right but its key does not open {path}: the file is damaged or belongs to another profile; restore it from a backup',
    },
    'entry-damaged': {
      exit: Exit.damaged,
      message:
        'the entry {name} of profile {profile} is damaged and cannot be decrypted; the other entries are unaffected, set it anew',
    },
    'profile-not-found': { exit: Exit.notFound, message: 'there is no profile {profile}; see: sesame profile list' },
    'profile-active': { exit: Exit.alreadySo, message: 'profile {profile} is active already' },
    'profile-inactive': { exit: Exit.alreadySo, message: 'profile {profile} is not active' },
    'secret-not-found': {
      exit: Exit.notFound,
      message: 'profile {profile} has no secret {name}; see: sesame secret list -p {profile}',
    },

    // Factors
    'authentication-failed': {
      exit: Exit.authenticationFailed,
      message: 'the {factor} does not open the vault of profile {profile}; nothing was changed',
    },
    'authentication-delayed': {
      exit: Exit.authenticationFailed,
      message: 'too many failed attempts on profile {profile}; wait {seconds} s, then the right factor works again',
    },
    'factor-unknown': { exit: Exit.usage, message: 'there is no factor {factor}; known are: {known}' },
    'factor-not-enrolled': {
      exit: Exit.notFound,
      message: 'profile {profile} has no factor {factor}; see: sesame factor list -p {profile}',
    },
    'factor-enrolled': {
      exit: Exit.alreadySo,
      message: 'profile {profile} has the factor {factor} already; replace it with: sesame factor replace {factor} -p {profile}',
    },
    'factor-last': {
      exit: Exit.usage,
      message: 'the factor {factor} is the last way into profile {profile}; add another one before you remove it',
    },
    'factor-required': {
      exit: Exit.usage,
      message: 'the policy of profile {profile} requires the factor {factor}; change the policy before you remove it',
    },
    'factor-evidence-missing': {
      exit: Exit.usage,
      message: 'this needs evidence for the factor {factor} of profile {profile} and none was given; nothing was changed',
    },
    'factor-repeated': {
      exit: Exit.usage,
      message: 'evidence for the factor {factor} of profile {profile} was given twice; give it once',
    },
    'policy-unsatisfiable': {
      exit: Exit.usage,
      message:
        'nobody could unlock profile {profile} under its policy: {needed} more of its factors are needed; give evidence for more or choose another policy',
    },
    'policy-contradictory': {
      exit: Exit.usage,
      message:
        'the configuration has another policy for profile {profile} than this asks for; leave --policy out, or change [profiles.{profile}.auth]',
    },
    'recovery-key-malformed': {
      exit: Exit.authenticationFailed,
      message: 'the recovery key has a typing error: {reason}; check it against the paper it was written on',
    },
    'ssh-agent-unreachable': {
      exit: Exit.unreachable,
      message: 'no ssh agent answers at {where}: {reason}; connect to this device with: ssh -A, or start an agent here',
    },
    'ssh-agent-refused': {
      exit: Exit.authenticationFailed,
      message:
        'the ssh agent at {where} refuses to sign with the key {fingerprint}: it is locked (ssh-add -X unlocks it), asks for a confirmation, or restricts the key',
    },
    'ssh-agent-faulty': {
      exit: Exit.authenticationFailed,
      message: 'the ssh agent at {where} cannot be relied on: {reason}; nothing was changed, use another agent',
    },
    'ssh-key-missing': {
      exit: Exit.notFound,
      message:
        'the ssh agent at {where} does not hold {wanted}: it is locked (ssh-add -X unlocks it) or the key was not added (ssh-add FILE adds it); see: sesame ssh list',
    },
    'ssh-key-unsuitable': {
      exit: Exit.usage,
      message: 'the ssh key {fingerprint} of type {type} cannot open a vault: {reason}; choose an Ed25519 or RSA key',
    },
    'ssh-key-file-invalid': {
      exit: Exit.usage,
      message: 'the file {path} is not a public key of ssh: {reason}; give the file that ends with .pub',
    },
    'ssh-signature-unfit': {
      exit: Exit.authenticationFailed,
      message:
        'the signatures by the ssh key {fingerprint} cannot open a vault: {reason}; nothing was changed, use another agent',
    },
    'password-empty': { exit: Exit.usage, message: 'the password is empty; give it as the first line of standard input' },
    'file-damaged': {
      exit: Exit.damaged,
      message: 'the file {path} is damaged: {reason}; nothing was changed, restore it from a backup',
    },
    'file-too-new': {
      exit: Exit.damaged,
      message: 'the file {path} has version {version} and this program knows versions up to {known}; update the program',
    },

    // The measured boot
    ...bootErrors(),

    // The TPM
    ...tpmErrors(),

    // Access
    'access-denied': {
      exit: Exit.denied,
      message: '{client} may not {action} {what}; an administrator grants it under [profiles.{profile}.secrets.access]',
    },
    'clearance-too-low': {
      exit: Exit.denied,
      message: '{client} has clearance {clearance} and {kind} needs {level}; an administrator raises it under [clients]',
    },
    'client-refused': {
      exit: Exit.denied,
      message: 'the user with uid {uid} matches no client of this device; an administrator adds it under [clients]',
    },
    'credential-refused': {
      exit: Exit.denied,
      message: '{who} is not given the credential {credential}: {reason}',
    },
    'rate-limited': {
      exit: Exit.denied,
      message: '{client} sent more than {limit} requests a second; slow down or raise [global.rate_limit]',
    },

    // Bus
    'daemon-unreachable': {
      exit: Exit.unreachable,
      message: '{daemon} does not answer at {where}: {reason}; see whether it runs and what it logged',
    },
    'request-timed-out': { exit: Exit.unreachable, message: '{daemon} did not answer {kind} within {seconds} s' },
    'handshake-failed': { exit: Exit.unreachable, message: 'the handshake with {daemon} failed: {reason}' },
    'connection-closed': { exit: Exit.unreachable, message: 'the connection to {daemon} was closed while {kind} was under way' },
    'message-invalid': { exit: Exit.unexpected, message: 'the message {kind} is malformed: {reason}' },
    'message-unknown': {
      exit: Exit.usage,
      message: 'the message {kind} is not known here; program and daemons are of different versions',
    },
    'frame-too-long': { exit: Exit.usage, message: 'a message of {length} bytes is longer than the limit of {limit}' },
    'key-file-damaged': {
      exit: Exit.damaged,
      message:
        'the key file {path} does not match its checksum: {reason}; remove the three files of this key and restart both daemons',
    },
    'already-running': { exit: Exit.alreadySo, message: '{daemon} runs already on {where}' },
    'wire-version-unknown': {
      exit: Exit.usage,
      message:
        'the other side speaks version {version} of the bus and this program version {known}; install both from one release',
    },
    'daemon-busy': { exit: Exit.unreachable, message: '{daemon} takes nothing more right now: {reason}; try again in a moment' },
    'key-unknown': { exit: Exit.notFound, message: 'no key named {name} is registered on the bus; known are: {known}' },
    'rotation-under-way': {
      exit: Exit.alreadySo,
      message: 'the key {name} is being rotated already; the old one is revoked within {seconds} s',
    },
    'socket-unusable': {
      exit: Exit.storage,
      message: 'the socket {path} cannot be used: {cause}; see the owner and mode of its directory',
    },

    // Secret memory
    'secret-memory-exhausted': {
      exit: Exit.unexpected,
      message:
        'no room in secret memory: {length} bytes were asked for and the limit of locked memory is {limit}; raise LimitMEMLOCK (systemd) or locked_memory_kib',
    },
    'secret-memory-failed': {
      exit: Exit.unexpected,
      message: 'secret memory could not be mapped: {cause}; see what the kernel logged and the limits of this service',
    },

    // Sandbox
    'sandbox-missing': {
      exit: Exit.configuration,
      message:
        '{daemon} does not start without {mechanism}, which global.sandbox.require demands: {cause}; {remedy}, or take it off that list',
    },

    // Storage
    'storage-full': {
      exit: Exit.storage,
      message: 'no space left on the file system of {path}; nothing was changed, free some space',
    },
    'storage-read-only': {
      exit: Exit.storage,
      message: '{path} is on a read-only file system; nothing was changed, mount it writable',
    },
    'storage-failed': { exit: Exit.storage, message: 'writing {path} failed: {cause}; nothing was changed' },
    'directory-foreign': {
      exit: Exit.denied,
      message:
        'the directory {path} {reason}, so that others could put their files in place of those of {daemon}; make it belong to uid {uid} with mode 755, or start {daemon} as who it belongs to',
    },
    'storage-unsynced': {
      exit: Exit.storage,
      message: '{path} was changed, but a power cut may undo it: {cause}; check the disk and its log',
    },
    'file-unreadable': { exit: Exit.storage, message: 'reading {path} failed: {cause}' },

    // Audit
    'audit-damaged': { exit: Exit.damaged, message: 'the audit chain {path} is broken at line {line}: {reason}' },
    'audit-tail-missing': {
      exit: Exit.damaged,
      message:
        'the audit chain {path} ends at entry {sequence} but its head vouches for entry {head}: the tail was cut off or the file was replaced',
    },
    'audit-unvouched': {
      exit: Exit.damaged,
      message:
        'nothing vouches for the audit chain {path} after entry {sequence}: its head or its end was removed or overwritten, so entries may be missing; compare it with exported copies',
    },

    // Configuration
    'configuration-invalid': { exit: Exit.configuration, message: '{file}:{line}:{column}: {problem}; {remedy}' },
    'setting-locked': {
      exit: Exit.denied,
      message: '{key} is locked by policy.toml and stays {value}; nothing was changed',
    },
    'machine-binding-differs': {
      exit: Exit.damaged,
      message:
        'the file {path} was made on another machine, or was changed: its {type} does not match this one; a copied device gets an identity of its own with: sesame init after removing the file',
    },
    'installation-invalid': {
      exit: Exit.damaged,
      message: 'the file {path} is not a valid installation: {reason}; restore it from a backup',
    },
  }) as const satisfies Record<string, CatalogueEntry>;

type Catalogue = ReturnType<typeof makeCatalogue>;
let made: Catalogue | undefined;

/** Made when it is first asked for: a command that succeeds needs none of it, and making it takes some of its time. */
export function errorCatalogue(): Catalogue {
  made ??= makeCatalogue();
  return made;
}

export type ErrorCode = keyof Catalogue;

type Placeholders<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | Placeholders<Rest> : never;

/** The parameters that the message of a code names. */
export type ErrorParameters<Code extends ErrorCode> = Readonly<Record<Placeholders<Catalogue[Code]['message']>, string | number>>;
