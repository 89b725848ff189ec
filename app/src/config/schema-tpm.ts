// SPDX-License-Identifier: MIT

export const tctiPattern = '^[a-z0-9-]+(?::[\\x21-\\x7e]*)?$';

const pcr = { type: 'integer', minimum: 0, maximum: 23 } as const;

/** `[global.tpm]`. */
export const tpm = {
  type: 'object',
  description: 'The TPM, for the factor "tpm". What is sealed keeps the bank and the PCRs that it was sealed with.',
  properties: {
    tcti: {
      type: 'string',
      pattern: tctiPattern,
      default: 'device:/dev/tpmrm0',
      description: 'How to reach the TPM, as tss2-tctildr(3) has it.',
    },
    bank: { type: 'string', enum: ['sha256', 'sha384'], default: 'sha256', description: 'The bank of PCRs.' },
    pcrs: {
      type: 'array',
      minItems: 1,
      maxItems: 24,
      uniqueItems: true,
      items: pcr,
      default: [0, 4, 7, 9],
      description: 'The PCRs that a new seal is bound to.',
    },
    allow_zero_pcrs: {
      type: 'boolean',
      default: false,
      description:
        'Seal although nothing measures into any of these PCRs: then the key is bound to the TPM, but to no boot state.',
    },
    policy: {
      type: 'string',
      enum: ['authorize', 'pcr'],
      default: 'authorize',
      description:
        'What opens a new seal: every boot state that the unlocked vault approves, see sesame tpm authorize, or the one of its enrolment alone.',
    },
    rollback: {
      type: 'string',
      enum: ['off', 'warn', 'refuse'],
      default: 'warn',
      description:
        'What happens when a vault is an older copy than the TPM remembers: nothing, an entry in log and audit chain, or also no unlock but by the recovery key. With "warn" it is looked for in vaults with a TPM factor.',
    },
    cap_pcr: {
      ...pcr,
      description:
        'One of pcrs, to be extended after the automatic unlock, so that nothing that starts later can unseal again before the next boot; none when absent.',
    },
  },
  additionalProperties: false,
  default: {},
} as const;
