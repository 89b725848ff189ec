// SPDX-License-Identifier: MIT

/** The outcome is free text: `success`, `failed`, `denied`, `not-found`, …; so is the action: `get`, `set`, `unlock`, … */
export interface SecretOperation {
  readonly action: string;
  readonly profile: string;
  /** The secret's or the factor's name. */
  readonly key: string | null;
  /** UUID of who asked. */
  readonly requester: string;
  readonly requester_name: string | null;
  readonly outcome: string;
}

/** Who an installation is, as upstream writes it. */
export interface InstallationIdentity {
  /** UUID v4. */
  readonly id: string;
  readonly org_ns: { readonly domain: string; readonly namespace: string } | null;
  /** UUID v5. */
  readonly namespace: string;
  readonly machine_binding: {
    /** The 32 bytes as numbers. */
    readonly binding_hash: readonly number[];
    readonly binding_type: 'machine-id' | 'tpm-bound';
  } | null;
}

/** Every action that upstream's parser knows and that happens on a device, with upstream's member names. Profile ids are UUIDs. */
interface ActionMembers {
  readonly SecretOperationAudited: SecretOperation;
  readonly ProfileActivated: { readonly target: string; readonly duration_ms: number };
  readonly ProfileDeactivated: { readonly target: string; readonly duration_ms: number };
  readonly ProfileActivationFailed: { readonly target: string; readonly reason: string };
  readonly DefaultProfileChanged: { readonly previous: string; readonly current: string };
  readonly KeyRotationStarted: { readonly daemon_name: string; readonly generation: number };
  readonly KeyRotationCompleted: { readonly daemon_name: string; readonly generation: number };
  readonly KeyRevoked: { readonly daemon_name: string; readonly reason: string; readonly generation: number };
  readonly InstallationCreated: {
    readonly id: InstallationIdentity;
    readonly org: string | null;
    readonly machine_binding_present: boolean;
  };
}

/** What happened, tagged from outside: `{ "ProfileActivated": { … } }`. */
export type AuditAction = {
  readonly [Name in keyof ActionMembers]: { readonly [Tag in Name]: ActionMembers[Name] };
}[keyof ActionMembers];

/**
 * What the log says about itself. Upstream knows no action for this, so it is an operation on a profile called `audit` by nobody:
 * the nil UUID (RFC 9562, section 5.9).
 */
export function ownAction(action: string, outcome: string): AuditAction {
  return {
    SecretOperationAudited: {
      action,
      profile: 'audit',
      key: null,
      requester: '00000000-0000-0000-0000-000000000000',
      requester_name: 'daemon-profile',
      outcome,
    },
  };
}
